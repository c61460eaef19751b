{{- define "jamaa.image" -}}
{{- if .Values.image.digest -}}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- /* What runs: services.json, which `make contracts` writes from the code, with what the installation chose. */ -}}
{{- define "jamaa.services" -}}
{{- $known := .Files.Get "services.json" | fromJson }}
{{- range $name, $_ := .Values.services }}
{{- if not (hasKey $known $name) }}{{ fail (printf "services.%s: there is no such service" $name) }}{{ end }}
{{- end }}
{{- $services := dict }}
{{- range $name, $derived := $known }}
{{- $own := index $.Values.services $name | default dict | deepCopy }}
{{- $secret := dict "secret" (printf "jamaa-%s" ($name | replace "_" "-")) }}
{{- $_ := set $services $name (mergeOverwrite $secret (deepCopy $.Values.each) $derived $own) }}
{{- end }}
{{- toJson $services }}
{{- end -}}

{{- define "jamaa.labels" -}}
app.kubernetes.io/part-of: jamaa
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{ include "jamaa.selector" . }}
{{- end -}}

{{- define "jamaa.selector" -}}
app.kubernetes.io/name: jamaa-{{ .name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "jamaa.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - {name: home, emptyDir: {}}
  - {name: tmp, emptyDir: {}}
{{- end -}}

{{- /* What a service's pods see besides: `volumes` of the values, behind the pod's own. */ -}}
{{- define "jamaa.volumes" -}}
{{- range $name, $one := .volumes }}
- {{ merge (dict "name" $name) $one.source | toJson }}
{{- end }}
{{- end -}}

{{- define "jamaa.mounts" -}}
{{- range $name, $one := .volumes }}
- {name: {{ $name }}, mountPath: {{ $one.at }}}
{{- end }}
{{- end -}}

{{- define "jamaa.container" -}}
image: {{ include "jamaa.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: home, mountPath: /var/lib/jamaa}
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "jamaa.environment" -}}
- {name: JAMAA_PROFILE, value: production}
- {name: JAMAA_HOME, value: /var/lib/jamaa}
{{- range $name, $value := . }}
{{- if ne (toString $value) "" }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end -}}
