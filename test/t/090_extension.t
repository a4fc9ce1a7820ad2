# The extension comes and goes under a working dispatcher, its database too, and without preloading all but the dispatcher works.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;

# The dispatcher works in a database of its own; pg_cron in postgres.

my $db = Sparkingest::Server->new($kube, start => 0, conf => [ "sparkingest.database = 'ingestion'" ]);
my $node = $db->node;
$node->start;
ok($node->log_contains('database "ingestion" does not exist'), 'without its database the dispatcher says so')
  || until_true(sub { $node->log_contains('database "ingestion" does not exist') }, '... after a while');
$db->sql('CREATE DATABASE ingestion');
$db->{database} = 'ingestion';
until_true(sub { $db->dispatcher }, 'once the database is there, the dispatcher works in it');
is($db->sql("SELECT datname FROM pg_stat_activity WHERE backend_type = 'sparkingest dispatcher'"), 'ingestion', '... and in no other');
my $pid = $db->dispatcher;
$db->set_up;
is($db->dispatcher, $pid, 'a dispatcher that waited for the extension goes on when it is created');
my $job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
my $id = $db->run_job($job);
$kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'it works');

# A second database with the extension has no dispatcher, and says where it is.

$db->sql('CREATE DATABASE second');
$db->{database} = 'second';
$db->sql('CREATE EXTENSION sparkingest');
like($db->health('dispatcher'), qr/^error: works in database "ingestion", not here: set sparkingest.database = 'second' and restart/,
	'another database is told that the dispatcher is not there');
$db->{database} = 'ingestion';

# Dropped while a run is live, and created again.

$db->sql('DROP EXTENSION sparkingest');
is($db->sql("SELECT to_regclass('sparkingest.job_executions') IS NULL"), 't', 'DROP EXTENSION does not wait for the dispatcher');
my $orphan = $kube->application($id);
$kube->say_state($orphan, 'RUNNING', lastSubmissionAttemptTime => Sparkingest::Kube::stamp(time));
$db->set_up;
is($db->dispatcher, $pid, 'created again, it is served by the same dispatcher');
like($db->health('cluster default'), qr/^(ok|warning)/, '... which finds its cluster');
$job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
my $run = $db->run_job($job);
$kube->whole_run($run, took => 100);
$db->reaches($run, 'succeeded', '... and works');
is($kube->is_there($orphan), 1, 'the object of the dropped extension is left alone: nobody knows whose it is');
is($db->dispatcher, $pid, 'the dispatcher lived through all of it');

# The database: refused while the dispatcher works there, as for any session; by force it goes, and the server with the other databases
# goes on. The dispatcher comes back with the database.

$db->{database} = 'postgres';
like($db->refusal('DROP DATABASE ingestion'), qr/55006.*database "ingestion" is being accessed by other users/s, 'DROP DATABASE is refused while the dispatcher works there');
is($db->refusal('DROP DATABASE ingestion WITH (FORCE)'), '', '... and done by force');
until_true(sub { $db->dispatcher eq '' }, '... which ends the dispatcher');
my $log = -s $node->logfile;
until_true(sub { $node->log_contains('FATAL:  database "ingestion" does not exist', $log) }, '... which is told in the log at each try to start it');
ok(!$node->log_contains('PANIC|terminating any other active server processes'), '... while the server goes on');
$db->sql('CREATE DATABASE ingestion');
until_true(sub { $db->dispatcher }, 'when the database is there again, so is the dispatcher');
$db->{database} = 'ingestion';
$db->set_up;
$id = $db->run_job($db->job($db->tenant));
$kube->whole_run($id);
$db->reaches($id, 'succeeded', '... and works');
books_are_right($db);
$node->stop;

# Not preloaded.

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_cron'");
$node->start;
is($db->dispatcher, '', 'without preloading there is no dispatcher');
like($db->health('preload'), qr/^error: sparkingest is not in shared_preload_libraries: add it and restart the server; until then nothing is posted/,
	'... and health() says what to do');
like($db->health('dispatcher'), qr/^error: does not run: see preload/, '... twice');
like($db->notices('SELECT sparkingest.enable_dispatch()'), qr/WARNING:  the dispatcher does not run\nHINT:  Add sparkingest to shared_preload_libraries and restart the server/,
	'enable_dispatch() warns');
$job = $db->job($db->sql("SELECT sparkingest.create_tenant('late')"));
ok($job, 'what needs no capacity works: a job is created');
is($db->sql("SELECT sparkingest.render_manifest('$id') ->> 'kind'"), 'SparkApplication', '... a manifest shown');
is($db->sql("SELECT count(*) FROM sparkingest.next_fire_times('0 3 * * *')"), 5, '... a schedule foretold');
is($db->sql("SHOW sparkingest.dispatch_rate"), '1000', '... settings are those of the file');
like($db->refusal("SELECT sparkingest.run_job('$job')"), qr/ERROR:  SI005: .*HINT:  .*shared_preload_libraries/s, 'capacity is not given away unseen: a run is refused, and how to help it told');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE job_id = '$job'"), 0, '... and nothing written');
$node->stop;

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_cron,sparkingest'");
$node->start;
$id = $db->run_job($job);
$db->reaches($id, 'submitted', 'preloaded again, it is admitted and posted');

books_are_right($db);
done_testing();
