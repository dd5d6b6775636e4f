{{- define "spanloom.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "spanloom.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- else if contains (include "spanloom.name" .) .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "spanloom.name" .) | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "spanloom.selector" -}}
app.kubernetes.io/name: {{ include "spanloom.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spanloom.labels" -}}
{{ include "spanloom.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "spanloom.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "spanloom.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "spanloom.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "spanloom.config" -}}
{{- toYaml .Values.config -}}
{{- end -}}

{{/* true if plugins are mounted. More than one source is a mistake. */}}
{{- define "spanloom.hasPlugins" -}}
{{- $sources := 0 -}}
{{- range list .Values.plugins.files .Values.plugins.configMap .Values.plugins.image -}}
{{- if . }}{{ $sources = add1 $sources }}{{ end -}}
{{- end -}}
{{- if gt (int $sources) 1 }}{{ fail "plugins: give one of `files`, `configMap` and `image`" }}{{ end -}}
{{- if $sources }}true{{ end -}}
{{- end -}}

{{/* The Pods of both modes. */}}
{{- define "spanloom.pod" -}}
metadata:
  labels:
    {{- include "spanloom.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .Values.metricsPort | quote }}
    {{- if .Values.restartOnConfigChange }}
    checksum/config: {{ include "spanloom.config" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "spanloom.serviceAccount" . }}
  # Spanloom asks the Kubernetes API for nothing.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.mode "deployment" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "spanloom.selector" . | nindent 10 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: spanloom
      image: {{ include "spanloom.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - run
        - --config
        - /etc/spanloom/spanloom.yaml
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: NODE_NAME
          valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
        # Compiled plugins are not kept: an emptyDir is writable for everyone, and Spanloom trusts no such folder.
        - name: XDG_CACHE_HOME
          value: none
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- range $name, $port := .Values.ports }}
        {{- if $port }}
        - name: {{ $name }}
          containerPort: {{ $port.port }}
          protocol: {{ default "TCP" $port.protocol }}
        {{- end }}
        {{- end }}
        - name: metrics
          containerPort: {{ .Values.metricsPort }}
        - name: health
          containerPort: {{ .Values.healthPort }}
      # health_check answers 503 until all receivers listen, and again once Spanloom drains; 200 in between.
      startupProbe:
        httpGet: { path: /, port: health }
        periodSeconds: 1
        failureThreshold: 60
      readinessProbe:
        httpGet: { path: /, port: health }
        periodSeconds: 5
        failureThreshold: 2
      # Kubernetes does not ask this while a Pod terminates, so a drain is never cut short by it.
      livenessProbe:
        httpGet: { path: /, port: health }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.preStopSeconds }} }
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - { name: config, mountPath: /etc/spanloom, readOnly: true }
        {{- if include "spanloom.hasPlugins" . }}
        - { name: plugins, mountPath: /plugins, readOnly: true }
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "spanloom.fullname" . }}
    {{- if include "spanloom.hasPlugins" . }}
    - name: plugins
      {{- if .Values.plugins.image }}
      image:
        reference: {{ .Values.plugins.image | quote }}
        pullPolicy: IfNotPresent
      {{- else }}
      configMap:
        name: {{ default (printf "%s-plugins" (include "spanloom.fullname" .)) .Values.plugins.configMap }}
      {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "spanloom.servicePorts" -}}
{{- range $name, $port := .Values.ports }}
{{- if $port }}
- name: {{ $name }}
  port: {{ $port.port }}
  targetPort: {{ $name }}
  protocol: {{ default "TCP" $port.protocol }}
  {{- with $port.appProtocol }}
  appProtocol: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
