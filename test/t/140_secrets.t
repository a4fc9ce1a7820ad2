# Secrets never enter PostgreSQL: whatever looks like one is refused, and then it is nowhere: not in the data directory, the WAL, the
# server's log, nor a dump. Jobs name a Kubernetes Secret instead.
use strict;
use warnings FATAL => 'all';
use File::Find;
use PostgreSQL::Test::Utils qw(slurp_file);
use Sparkingest::Books;
use Sparkingest::Server;
use Test::More;

# The log tells as much as it may.
my $db = Sparkingest::Server->new(undef, dispatch => 0, conf => [ 'log_min_error_statement = error', 'log_min_messages = debug1', 'log_error_verbosity = verbose',
	'log_parameter_max_length = -1', 'log_parameter_max_length_on_error = -1', 'wal_level = replica' ]);
my $node = $db->node;
my $tenant = $db->tenant;
my $n = 0;
my $canary = sub { return sprintf 'cAnArY%03dkw7Qz', ++$n };
my $job = $db->job($tenant, name => 'plainly visible', source => { credentials_secret => 'orders-login' });
ok($job, 'a job names its Kubernetes Secret');

# Every place where somebody could put one, in JSON; CANARY stands for it.
my @source = map { qq({"host": "db.example.com", "database": "shop", "table": "orders", $_}) } (
	'"password": "CANARY"', '"Password": "CANARY"', '"passwd": "CANARY"', '"pwd": "CANARY"', '"user": "u", "pw": "CANARY"', '"access_key": "CANARY"', '"api-key": "CANARY"', '"token": "CANARY"',
	'"properties": {"password": "CANARY"}', '"partition": {"column": "id", "num": 4, "secret": "CANARY"}', '"incremental": {"column": "id", "credentials": "CANARY"}', '"credentials_secret": "not a name: CANARY"',
	'"port": "CANARY"', '"fetchsize": ["CANARY"]');
push @source, '{"host": "user:CANARY@db.example.com", "database": "shop", "table": "orders"}', '{"host": "db.example.com", "database": "shop?user=u&password=CANARY", "table": "orders"}',
  '{"host": "db.example.com", "database": "shop password=CANARY", "table": "orders"}', '{"host": "db.example.com", "database": "shop", "table": "orders", "query": "CANARY"}', '["CANARY"]', '"CANARY"';
my @url = map { qq({"url": "$_", "table": "orders"}) } ('jdbc:postgresql://u:CANARY@h/d', 'jdbc:postgresql://h/d?user=u&password=CANARY', 'jdbc:sqlserver://h;databaseName=d;password=CANARY',
	'jdbc:oracle:thin:scott/CANARY@h:1521/d', 'jdbc:mysql://address=(host=h)(password=CANARY)/d', 'jdbc:postgresql://h/d CANARY', 'CANARY');
my @destination = map { qq({"type": "s3", $_}) } ('"uri": "s3a://AKIA:CANARY@lake/orders"', '"bucket": "lake", "path": "orders", "secret_key": "CANARY"', '"bucket": "lake", "path": "orders", "credentials_secret": "CANARY CANARY"',
	'"bucket": "CANARY", "path": "orders"', '"bucket": "lake", "path": "orders", "mode": "CANARY"', '"bucket": "lake", "path": "orders", "partition_by": {"token": "CANARY"}');
my @options = ('{"spark_conf": {"spark.hadoop.fs.s3a.secret.key": "CANARY"}}', '{"spark_conf": {"spark.hadoop.fs.s3a.access.key": "CANARY"}}', '{"spark_conf": {"spark.hadoop.fs.s3a.proxy.host": "http://u:CANARY@proxy"}}',
	'{"spark_conf": {"spark.hadoop.fs.s3a.endpoint": "https://h?token=CANARY"}}', '{"spark_conf": {"spark.executorEnv.X": "CANARY"}}', '{"env": {"PASSWORD": "CANARY"}}', '{"image": "u:CANARY@registry/spark"}', '{"catchup_window": "CANARY"}');
my $good = q('{"host": "db.example.com", "database": "shop", "table": "orders"}');
my $lake = q('{"type": "s3", "bucket": "lake", "path": "orders"}');
my $create = sub { my ($type, $source, $destination, $rest) = @_; return "SELECT sparkingest.create_job('$tenant', 'never made', '$type', $source, $destination, '{}'" . ($rest // '') . ')' };
my @calls = (
	(map { $create->('postgres', "'$_'", $lake) } @source), (map { $create->('jdbc', "'$_'", $lake) } @url), (map { $create->('postgres', $good, "'$_'") } @destination),
	(map { $create->('postgres', $good, $lake, ", options => '$_'") } @options), $create->('CANARY', $good, $lake), $create->('postgres', $good, $lake, ", schedule_cron => 'CANARY'"),
	$create->('postgres', $good, $lake, ", sla_requirements => '{\"token\": \"CANARY\"}'"), $create->('postgres', $good, $lake, ", time_zone => 'CANARY'"),
	(map { "SELECT sparkingest.alter_job('$job', '{\"source_config\": $_}')" } @source[ 0 .. 14 ]), (map { "SELECT sparkingest.alter_job('$job', '{\"options\": $_}')" } @options),
	"SELECT sparkingest.alter_job('$job', '{\"password\": \"CANARY\"}')",
	(map { "SELECT sparkingest.set_namespace('draft-ingestion-ns', '{\"spark_profile\": $_}')" } (@options[ 0 .. 4 ], '{"password": "CANARY"}', '{"image": "u:CANARY@registry/spark"}')),
	"SELECT sparkingest.calculate_estimate('{\"source_type\": \"postgres\", \"password\": \"CANARY\"}')",
	"SELECT sparkingest.set_cluster('default', 'apiVersion: v1\nusers: [{user: {token: CANARY}}]')");
# The same by ways that the server writes about differently.
push @calls, 'DO $$ BEGIN PERFORM ' . ($create->('postgres', "'$source[0]'", $lake) =~ s/^SELECT //r) . '; END $$',
  "PREPARE p (jsonb) AS SELECT sparkingest.create_job('$tenant', 'never made', 'postgres', \$1, $lake, '{}'); EXECUTE p ('$source[4]')",
  "BEGIN; SAVEPOINT s; " . $create->('postgres', "'$source[1]'", $lake) . '; ROLLBACK';

my $refused = 0;
for my $call (@calls)
{
	my $word = $canary->();
	my $error = $db->refusal($call =~ s/CANARY/$word/gr);
	# What cannot be read at all is the one thing that is refused before we see it; none of these is.
	if ($error =~ /ERROR:  22023/) { $refused++ }
	else { fail('refused: ' . $call); diag($error || 'it was not') }
}
is($refused, scalar @calls, scalar(@calls) . ' ways to give a secret are refused');
is($db->sql("SELECT count(*) FROM sparkingest.ingestion_jobs WHERE job_name = 'never made'"), 0, '... and make nothing');
like($db->refusal($create->('postgres', "'" . ($source[15] =~ s/CANARY/told/r) . "'", $lake)), qr/22023/, 'the client is told why');

# Where it could be: all files of the server, WAL included, its log, and a dump. A word that is no secret is found in all of them.
$db->refusal('SELECT no_such_column AS "plainly visible"');
$db->sql('CHECKPOINT; SELECT pg_switch_wal(); CHECKPOINT');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
$node->stop;
my %searched = (data => 0, wal => 0, log => 0, dump => 0);
my %found;
my $search = sub {
	my ($kind, $file) = @_;
	my $text = slurp_file($file);
	$searched{$kind}++ if $text =~ /plainly visible/;
	$found{"$kind: $1 in $file"} = 1 while $text =~ /(cAnArY\d+)/g;
};
find({ no_chdir => 1, wanted => sub { $search->($File::Find::name =~ m{/pg_wal/} ? 'wal' : 'data', $File::Find::name) if -f && -s } }, $node->data_dir);
$search->('log', $node->logfile);
$search->('dump', $dump);
cmp_ok($searched{$_}, '>', 0, "what is no secret is in the $_") for sort keys %searched;
is(join("\n", sort keys %found), '', 'no secret is anywhere');

$node->start;
books_are_right($db);
$node->stop;
done_testing();
