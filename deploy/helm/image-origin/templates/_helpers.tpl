{{- define "origin.name" -}}
{{- printf "%s" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "origin.selector" -}}
app.kubernetes.io/name: image-origin
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "origin.labels" -}}
{{ include "origin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "origin.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "origin.config" -}}
{{- $cache := merge (dict "path" "/var/cache/origin/results") (.Values.config.cache | default dict) -}}
{{- $admin := merge (dict "token" "env:ORIGIN_ADMIN_TOKEN" "port" (int .Values.ports.admin)) (.Values.config.admin | default dict) -}}
{{- $own := dict "http_port" (int .Values.ports.http) "drain" .Values.drain "cache" $cache "admin" $admin -}}
{{- if .Values.shared.enabled -}}
{{- $shared := dict "results" .Values.shared.results -}}
{{- if .Values.shared.url -}}{{- $_ := set $shared "url" .Values.shared.url -}}{{- end -}}
{{- $_ := set $own "shared" $shared -}}
{{- end -}}
{{- merge $own .Values.config | toPrettyJson -}}
{{- end -}}
