{{/* The container's environment, in the words of the overlays. */}}
{{- define "kitops.env" -}}
{{- with .password.registry }}
- name: KIT_REGISTRY
  value: {{ . | quote }}
{{- end }}
{{- with .password.secret }}
{{- range list "KIT_USER" "KIT_PASSWORD" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.password.secret | quote }}
      key: {{ . }}
      optional: true
{{- end }}
{{- end }}
{{- with .dockerConfig.secret }}
- name: KIT_DOCKER_CONFIG_JSON
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: .dockerconfigjson
      optional: true
{{- end }}
{{- if not .aws.nodeRole }}
- name: AWS_EC2_METADATA_DISABLED
  value: "true"
{{- end }}
{{- if .google.workloadIdentity }}
- name: GCP_WIF
  value: "true"
{{- end }}
{{- if .azure.workloadIdentity }}
- name: AZURE_TOKEN_CREDENTIALS
  value: WorkloadIdentityCredential
{{- end }}
{{- with .caBundle.configMap }}
- name: KIT_CA_BUNDLE
  valueFrom:
    configMapKeyRef:
      name: {{ . | quote }}
      key: {{ $.caBundle.key | quote }}
      optional: true
{{- end }}
{{- if .plainHttp }}
- name: KIT_UNPACK_FLAGS
  value: --plain-http
{{- end }}
{{- with .mirrors }}
{{- $entries := list }}
{{- range $host, $urls := . }}
{{- range $urls }}{{ $entries = append $entries (printf "%s=%s" $host .) }}{{ end }}
{{- end }}
- name: KIT_MIRRORS
  value: {{ join " " $entries | quote }}
{{- end }}
{{- with .env }}
{{ toYaml . }}
{{- end }}
{{- end }}
