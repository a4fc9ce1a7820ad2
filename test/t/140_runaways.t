# What the lists of the cluster show is written down, and held against what the database thinks runs: runaway_executions().
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube, conf => ['sparkingest.reconcile_interval = 5']);
my $tenant = $db->tenant;
my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 5 });
my $seen = "SELECT object_state FROM sparkingest.cluster_objects WHERE execution_id = '%s'";
my $runaways = 'SELECT execution_id, object_name, in_database, in_cluster, remedy FROM sparkingest.runaway_executions()';

$db->becomes('SELECT count(*) FROM sparkingest.cluster_lists', '3', 'each namespace is listed');
my $id = $db->run_job($job);
my $app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run');
$db->becomes(sprintf($seen, $id), 'running', '... is shown by a list', 30);
is_deeply([ $db->rows($runaways) ], [], '... as the database thinks it is');

# An object of an execution that this database does not know.
my $stray = $kube->must('POST', $kube->apps_path('vcpu-hours-ns'), { apiVersion => 'sparkoperator.k8s.io/v1beta2', kind => 'SparkApplication',
	metadata => { name => 'stray', labels => { %{ $app->{metadata}{labels} }, 'sparkingest.io/execution' => '00000000-0000-4000-8000-000000000000' } },
	spec => $app->{spec} });
$db->becomes("SELECT count(*) FROM ($runaways) AS r", '1', 'an object that nobody here knows is found', 30);
my $found = $db->row($runaways);
is_deeply([ @$found{qw(execution_id object_name in_database in_cluster)} ], [ undef, 'stray', 'unknown', 'new' ], '... and told apart');
like($found->{remedy}, qr/kubectl delete sparkapplication stray -n \S*vcpu-hours-ns$/, '... with what to do');
$kube->delete_application($stray);
$db->becomes("SELECT count(*) FROM ($runaways) AS r", '0', '... until it is gone', 30);

# The object is deleted by hand, and the pods live on: capacity stays held (J6), and the difference is told.
$kube->delete_application($app);
$db->becomes("SELECT in_database || ' ' || in_cluster FROM ($runaways) AS r WHERE execution_id = '$id'", 'running absent', 'a run whose object is gone is found', 30);
$kube->remove_pods($id);
$db->reaches($id, 'failed', '... and ends when its pods are gone', 30);
is_deeply([ $db->rows($runaways) ], [], '... which is no difference any more');
is($db->sql("SELECT charge_to FROM sparkingest.resource_consumption WHERE execution_id = '$id'"), 'platform', '... and free');
is($db->sql('SELECT count(*) FROM sparkingest.verify_usage()'), '0', 'what was metered is right');
books_are_right($db);
done_testing();
