package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kserve/kserve/pkg/apis/serving/v1alpha1"
	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"github.com/kserve/kserve/pkg/constants"
	"github.com/kserve/kserve/pkg/credentials"
	kservepod "github.com/kserve/kserve/pkg/webhook/admission/pod"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"
)

const namespace = "models"

// injected is what becomes of one InferenceService, or of a container for download jobs.
type injected struct {
	Name string         `json:"name"`
	Spec corev1.PodSpec `json:"spec"`
	// What Pod Security admission has against it at level "restricted".
	Forbidden []string `json:"forbidden"`
}

type cluster struct {
	client    client.Client
	clientset *fake.Clientset
	config    *corev1.ConfigMap
}

// inject makes the pod of each InferenceService as KServe's webhook does for `storageUri`, and its controller for
// `storageUris`, with the ClusterStorageContainers, service accounts and Secrets among the objects.
func inject(ctx context.Context, kserve string, objects []*unstructured.Unstructured) ([]injected, error) {
	cluster, services, err := newCluster(kserve, objects)
	if err != nil {
		return nil, err
	}
	answers := []injected{}
	for _, service := range services {
		pod := predictorPod(service)
		if len(service.Spec.Predictor.StorageUris) > 0 {
			err = cluster.injectMany(ctx, service, pod)
		} else {
			pod, err = cluster.injectOne(ctx, service, pod)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", service.Name, err)
		}
		answers = append(answers, judged(service.Name, pod))
	}
	jobs := &v1alpha1.ClusterStorageContainerList{}
	if err := cluster.client.List(ctx, jobs); err != nil {
		return nil, err
	}
	for _, job := range jobs.Items {
		if job.Spec.WorkloadType == v1alpha1.LocalModelDownloadJob {
			answers = append(answers, judged(job.Name, jobPod(job.Spec.Container)))
		}
	}
	return answers, nil
}

func newCluster(kserve string, objects []*unstructured.Unstructured) (*cluster, []*v1beta1.InferenceService, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, v1alpha1.AddToScheme, v1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, err
		}
	}
	text, err := os.ReadFile(filepath.Join(kserve, "config", "configmap", "inferenceservice.yaml"))
	if err != nil {
		return nil, nil, err
	}
	config := &corev1.ConfigMap{}
	if err := yaml.Unmarshal(text, config); err != nil {
		return nil, nil, err
	}
	config.Namespace = constants.KServeNamespace

	var services []*v1beta1.InferenceService
	var all, core []runtime.Object
	for _, object := range objects {
		typed, err := scheme.New(object.GroupVersionKind())
		if err != nil {
			return nil, nil, err
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
			return nil, nil, err
		}
		switch object := typed.(type) {
		case *v1beta1.InferenceService:
			object.Namespace = namespace
			services = append(services, object)
		case *corev1.ServiceAccount:
			object.Namespace = namespace
			core = append(core, object)
		case *corev1.Secret:
			object.Namespace = namespace
			core = append(core, stored(object))
		}
		all = append(all, typed)
	}
	return &cluster{
		client:    fakeclient.NewClientBuilder().WithScheme(scheme).WithRuntimeObjects(all...).Build(),
		clientset: fake.NewClientset(append(core, config)...),
		config:    config,
	}, services, nil
}

// stored is the Secret as an API server keeps it, which only writes `stringData`.
func stored(secret *corev1.Secret) *corev1.Secret {
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	return secret
}

// injectOne is for `storageUri`: the whole webhook, as the API server calls it.
func (c *cluster) injectOne(ctx context.Context, service *v1beta1.InferenceService, pod *corev1.Pod) (*corev1.Pod, error) {
	pod.Annotations[constants.StorageInitializerSourceUriInternalAnnotationKey] = *service.Spec.Predictor.GetImplementation().GetStorageUri()
	before, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	mutator := &kservepod.Mutator{Client: c.client, Clientset: c.clientset, Decoder: admission.NewDecoder(c.client.Scheme())}
	response := mutator.Handle(ctx, admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: namespace,
		Object:    runtime.RawExtension{Raw: before},
	}})
	if !response.Allowed {
		return nil, fmt.Errorf("%s", response.Result.Message)
	}
	patchText, err := json.Marshal(response.Patches)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(patchText)
	if err != nil {
		return nil, err
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, err
	}
	mutated := &corev1.Pod{}
	return mutated, json.Unmarshal(after, mutated)
}

// injectMany is for `storageUris`, which the controller serves before there is a pod: as in
// pkg/controller/v1beta1/inferenceservice/components/predictor.go and reconcilers/raw/raw_kube_reconciler.go.
func (c *cluster) injectMany(ctx context.Context, service *v1beta1.InferenceService, pod *corev1.Pod) error {
	config, err := v1beta1.GetStorageInitializerConfigs(c.config)
	if err != nil {
		return err
	}
	predictor := service.Spec.Predictor
	container, err := kservepod.GetStorageContainerSpec(ctx, predictor.StorageUris[0].Uri, predictor.StorageContainerName, c.client)
	if err != nil {
		return err
	}
	return kservepod.CommonStorageInitialization(ctx, &kservepod.StorageInitializerParams{
		Namespace:            namespace,
		StorageURIs:          predictor.StorageUris,
		IsReadOnly:           true,
		PodSpec:              &pod.Spec,
		CredentialBuilder:    credentials.NewCredentialBuilder(c.client, c.clientset, c.config),
		Client:               c.client,
		Config:               config,
		IsvcAnnotations:      pod.Annotations,
		StorageContainerSpec: container,
	})
}

// restricted is what the standard asks of a container, for those that are not ours.
func restricted() *corev1.SecurityContext {
	yes, no := true, false
	return &corev1.SecurityContext{
		RunAsNonRoot:             &yes,
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func predictorPod(service *v1beta1.InferenceService) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name:        service.Name + "-predictor",
		Namespace:   namespace,
		Annotations: map[string]string{},
		Labels: map[string]string{
			constants.InferenceServicePodLabelKey: service.Name,
			constants.InferenceServiceLabel:       service.Name,
			constants.KServiceComponentLabel:      string(constants.Predictor),
		},
	}}
	pod.Spec.ServiceAccountName = service.Spec.Predictor.ServiceAccountName
	pod.Spec.Containers = []corev1.Container{{
		Name:            constants.InferenceServiceContainerName,
		Image:           "registry.example.com/model-server:1",
		SecurityContext: restricted(),
	}}
	return pod
}

// jobPod is what pkg/controller/v1alpha1/localmodelnode/controller.go starts, which has no function for it alone.
func jobPod(container corev1.Container) *corev1.Pod {
	container.Args = []string{"kit://registry.example.com/models/iris:v1", "/mnt/models"}
	container.VolumeMounts = []corev1.VolumeMount{{Name: "kserve-pvc-source", MountPath: "/mnt/models", SubPath: "models/iris"}}
	claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "iris"}
	return &corev1.Pod{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{container},
		Volumes:       []corev1.Volume{{Name: "kserve-pvc-source", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}}},
	}}
}

func judged(name string, pod *corev1.Pod) injected {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		panic(err)
	}
	forbidden := []string{}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			forbidden = append(forbidden, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return injected{Name: name, Spec: pod.Spec, Forbidden: forbidden}
}
