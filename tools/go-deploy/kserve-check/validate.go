package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// validate answers what an API server would refuse, or drop as unknown: one line each. KServe is installed with full
// or with minimal CRDs, so both must take an object.
func validate(ctx context.Context, kserve string, objects []*unstructured.Unstructured) ([]string, error) {
	problems := []string{}
	for _, object := range objects {
		found, err := validateObject(ctx, kserve, object)
		if err != nil {
			return nil, err
		}
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("%s %s: %s", object.GetKind(), object.GetName(), problem))
		}
	}
	return problems, nil
}

func validateObject(ctx context.Context, kserve string, object *unstructured.Unstructured) ([]string, error) {
	if object.GroupVersionKind().Group != v1beta1.SchemeGroupVersion.Group {
		return strictly(object)
	}
	var problems []string
	for _, size := range []string{"full", "minimal"} {
		definition, err := findDefinition(filepath.Join(kserve, "config", "crd", size), object.GetKind())
		if err != nil {
			return nil, err
		}
		found, err := validateCustomResource(ctx, definition, object)
		if err != nil {
			return nil, err
		}
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("%s (%s CRD)", problem, size))
		}
	}
	if len(problems) > 0 || object.GetKind() != "InferenceService" {
		return problems, nil
	}
	service := &v1beta1.InferenceService{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, service); err != nil {
		return nil, err
	}
	if _, err := (&v1beta1.InferenceServiceValidator{}).ValidateCreate(ctx, service); err != nil {
		problems = append(problems, fmt.Sprintf("%s (KServe's webhook)", err))
	}
	return problems, nil
}

// strictly decodes an object of Kubernetes' own kinds; unknown and repeated fields are problems.
func strictly(object *unstructured.Unstructured) ([]string, error) {
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	scheme := clientscheme.Scheme
	serializer := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{Strict: true})
	if _, _, err := serializer.Decode(text, nil, nil); err != nil {
		return []string{err.Error()}, nil
	}
	return nil, nil
}

// findDefinition reads the CRD of a kind from the files of KServe's module, in the folder or one below it.
func findDefinition(folder, kind string) (*apiextensionsv1.CustomResourceDefinition, error) {
	var files []string
	for _, pattern := range []string{"serving.kserve.io_*.yaml", "*/serving.kserve.io_*.yaml"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, definition); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", file, err)
		}
		if definition.Spec.Names.Kind == kind {
			return definition, nil
		}
	}
	return nil, fmt.Errorf("cannot validate a %s: no CRD in %s has this kind", kind, folder)
}

func validateCustomResource(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition, object *unstructured.Unstructured) ([]string, error) {
	version, err := versionOf(definition, object)
	if err != nil {
		return []string{err.Error()}, nil
	}
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, internal, nil); err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}

	var problems []string
	content := object.DeepCopy().Object
	for _, path := range pruning.PruneWithOptions(content, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		problems = append(problems, fmt.Sprintf("unknown field %q", path))
	}
	refused := validation.ValidateCustomResource(nil, object.Object, validator)
	refused = append(refused, listtype.ValidateListSetsAndMaps(nil, structural, object.Object)...)
	if rules := cel.NewValidator(structural, true, celconfig.PerCallLimit); rules != nil {
		broken, _ := rules.Validate(ctx, field.NewPath(""), structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
		refused = append(refused, broken...)
	}
	for _, reason := range refused {
		problems = append(problems, reason.Error())
	}
	return problems, nil
}

func versionOf(definition *apiextensionsv1.CustomResourceDefinition, object *unstructured.Unstructured) (*apiextensionsv1.CustomResourceDefinitionVersion, error) {
	for index := range definition.Spec.Versions {
		version := &definition.Spec.Versions[index]
		if version.Name == object.GroupVersionKind().Version && version.Served {
			return version, nil
		}
	}
	return nil, fmt.Errorf("%s is not served", object.GetAPIVersion())
}
