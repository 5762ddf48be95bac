{{- /*
RBAC rules of the operator in the namespaces that it watches. Each rule names the code that needs it;
`operator/controller/tests/it/test_rights.rs` runs the operator with these rules and finds unused ones.
No delete on Secrets and PersistentVolumeClaims: the operator never deletes data.
No bind, no escalate, no roles: the pods of a platform have no access to the Kubernetes API.
*/ -}}
{{- define "creator-operator.rules" -}}
- apiGroups: [creatorplatform.io] # controller.rs: watches platforms; report.rs: reads the current status
  resources: [creatorplatforms]
  verbs: [get, list, watch]
- apiGroups: [creatorplatform.io] # report.rs: server-side apply of the status only
  resources: [creatorplatforms/status]
  verbs: [patch]
- apiGroups: [creatorplatform.io] # tenant/controller.rs: watches Tenants; tenant/apply.rs: adds and removes the finalizer
  resources: [tenants]
  verbs: [get, list, watch, patch]
- apiGroups: [creatorplatform.io] # tenant/report.rs: server-side apply of the status
  resources: [tenants/status]
  verbs: [patch]
- apiGroups: [coordination.k8s.io] # claims.rs: creates the lease by which operators exclude each other
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io] # claims.rs: reads and renews it
  resources: [leases]
  resourceNames: [creator-platforms]
  verbs: [get, update]
- apiGroups: [events.k8s.io] # report.rs: creates events and counts repeated ones
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""] # observe.rs: hashes values that pods refer to; apply.rs: creates generated Secrets
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""] # observe.rs, apply.rs: creates and grows volumes, never deletes them
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""] # observe.rs: get, list, watch; apply.rs: create, patch, and delete to prune
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""] # observe/pods.rs: why a workload does not start, termination messages of Jobs
  resources: [pods]
  verbs: [list]
- apiGroups: [""] # observe/pods.rs: which quota, policy or webhook refused the pods of a store or Job
  resources: [events]
  verbs: [list]
- apiGroups: [""] # tenant/observe.rs: whether the namespace of a deleted Tenant is being deleted, too
  resources: [namespaces]
  verbs: [get]
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
- apiGroups: [postgresql.cnpg.io] # as above, once the CRD exists; without delete, since a cluster holds data
  resources: [clusters]
  verbs: [get, list, watch, create, patch]
{{- end }}
