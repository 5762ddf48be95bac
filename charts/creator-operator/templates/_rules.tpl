{{- /*
What the operator may do where platforms live. Each rule names the code that needs it; the tests in
`operator/controller/tests/it/test_rights.rs` run it as this ServiceAccount, and find what it never uses.
No delete on Secrets and PersistentVolumeClaims: data outlives whatever we do.
No bind, no escalate, no roles: pods of a platform have no rights in the cluster.
*/ -}}
{{- define "creator-operator.rules" -}}
- apiGroups: [creatorplatform.io] # controller.rs: watch of the platforms; report.rs: the latest status
  resources: [creatorplatforms]
  verbs: [get, list, watch]
- apiGroups: [creatorplatform.io] # report.rs: server-side apply of the status, of nothing else
  resources: [creatorplatforms/status]
  verbs: [patch]
- apiGroups: [creatorplatform.io] # tenant/controller.rs: watch of the Tenants; tenant/apply.rs: our finalizer
  resources: [tenants]
  verbs: [get, list, watch, patch]
- apiGroups: [creatorplatform.io] # tenant/report.rs: server-side apply of the status
  resources: [tenants/status]
  verbs: [patch]
- apiGroups: [events.k8s.io] # report.rs: kube's Recorder creates events and counts repeated ones
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""] # observe.rs: hashes of the values that pods refer to; apply.rs: generated once
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""] # observe.rs, apply.rs: volumes are made, grown, and never deleted
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""] # observe.rs: get, list, watch; apply.rs: create, patch, and delete to prune
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""] # observe/pods.rs: why a workload does not start, the last words of a Job
  resources: [pods]
  verbs: [list]
- apiGroups: [apps] # as above
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch] # as above: the migrate and models Jobs, the backup CronJob
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling] # as above
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy] # as above
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io] # as above
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io] # as above, once the CRD exists
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com] # as above, once the CRDs exist
  resources: [servicemonitors, prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [postgresql.cnpg.io] # as above, once the CRD exists; a database is never deleted by us
  resources: [clusters]
  verbs: [get, list, watch, create, patch]
{{- end }}
