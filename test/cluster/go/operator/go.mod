module sparkingest.invalid/test/cluster/operator

go 1.24.1

require github.com/kubeflow/spark-operator/v2 v2.4.0
