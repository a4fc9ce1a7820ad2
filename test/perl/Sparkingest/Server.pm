# A PostgreSQL server of a test with the extension, connected to a Kubernetes; and what tests do there most.
package Sparkingest::Server;

use strict;
use warnings FATAL => 'all';
use Carp;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Sparkingest::Wait;
use Test::More;

my $json = JSON::PP->new->utf8->allow_nonref;
our $FINAL = q{('succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost')};

# kube: Sparkingest::Kube. Options: kubeconfig (default: that of kube), conf => [lines], dispatch => 0: not enabled,
# init => {...} for PostgreSQL::Test::Cluster::init, start => 0: initialised only.
sub new
{
	my ($class, $kube, %options) = @_;
	my $self = bless { kube => $kube, database => 'postgres' }, $class;
	my $node = $self->{node} = PostgreSQL::Test::Cluster->new($options{name} // 'main');

	$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ], %{ $options{init} // {} });
	my $prefix = $kube ? $kube->prefix : '';
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron,sparkingest'
cron.use_background_workers = on
cron.database_name = 'postgres'
sparkingest.database = 'postgres'
sparkingest.namespace_prefix = '$prefix'
sparkingest.dispatch_rate = 1000
restart_after_crash = on
max_worker_processes = 16
max_connections = 40
timezone = 'UTC'
log_statement = none
CONF
	$node->append_conf('postgresql.conf', "$_\n") for @{ $options{conf} // [] };
	return $self if exists $options{start} && !$options{start};
	$node->start;
	$self->set_up(%options);
	return $self;
}

sub set_up
{
	my ($self, %options) = @_;
	$self->sql('CREATE EXTENSION sparkingest');
	$self->sql("SELECT sparkingest.set_cluster('default', '" . ($options{kubeconfig} // $self->{kube}->kubeconfig) . "')")
	  if $options{kubeconfig} || $self->{kube};
	$self->sql('SELECT sparkingest.enable_dispatch()') unless exists $options{dispatch} && !$options{dispatch};
	return;
}

sub node { return $_[0]{node} }

sub sql { my ($self, $query) = @_; return $self->{node}->safe_psql($self->{database}, $query) }

# What a statement is refused with: SQLSTATE and message, or '' when it succeeds.
sub refusal
{
	my ($self, $query) = @_;
	my ($code, $out, $error) = $self->{node}->psql($self->{database}, $query, extra_params => [ '-v', 'VERBOSITY=verbose' ],
		on_error_stop => 1);
	return $code ? $error : '';
}

# What it tells beside its result.
sub notices
{
	my ($self, $query) = @_;
	my ($code, $out, $error) = $self->{node}->psql($self->{database}, $query, on_error_stop => 1);
	croak $error if $code;
	return $error;
}

# Rows as hashes, or the first one.
sub rows { my ($self, $query) = @_; return @{ $json->decode($self->sql("SELECT COALESCE(json_agg(t), '[]') FROM ($query) t")) } }
sub row { my ($self, $query) = @_; return ($self->rows($query))[0] }

sub becomes
{
	my ($self, $query, $want, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_is(sub { $self->sql($query) }, $want, $name, $seconds);
}

sub becomes_like
{
	my ($self, $query, $want, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_like(sub { $self->sql($query) }, $want, $name, $seconds);
}

sub execution { my ($self, $id) = @_; return $self->row("SELECT * FROM sparkingest.job_executions WHERE execution_id = '$id'") }
sub state { my ($self, $id) = @_; return $self->sql("SELECT state FROM sparkingest.job_executions WHERE execution_id = '$id'") }

# A test that passes when the execution gets into the state; says what is known of it otherwise.
sub reaches
{
	my ($self, $id, $state, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $last = '';
	Sparkingest::Wait::poll(sub { ($last = $self->state($id)) eq $state }, $seconds);
	is($last, $state, $name // "the execution gets $state") or diag($json->pretty->encode(
			{ %{ $self->row("SELECT state, last_error, waiting_reason, error_class, error_message, stop_cause, tries, planned_start, next_try_at FROM sparkingest.job_executions WHERE execution_id = '$id'") },
			  health => [ map { "$_->{component}: $_->{detail}" } $self->rows("SELECT * FROM sparkingest.health() WHERE status <> 'ok'") ] }));
	return;
}

# The last step of setting up: dies where the above would fail.
sub await
{
	my ($self, $query, $want, $what) = @_;
	my $last;
	Sparkingest::Wait::poll(sub { ($last = $self->sql($query)) eq $want }) or croak "waited in vain for $what: $last instead of $want";
	return;
}

sub health { my ($self, $component) = @_; return $self->sql("SELECT status || ': ' || detail FROM sparkingest.health() WHERE component = '$component'") }

my $tenants = 0;

# A tenant with vCPU-hours and dedicated units.
sub tenant
{
	my ($self, %has) = @_;
	my $tenant = $self->sql("SELECT sparkingest.create_tenant('tenant " . ++$tenants . "')");
	my %bought = (vcpu_hours => $has{hours} // 100, dedicated_units => $has{units} // 0);
	for (sort keys %bought)
	{
		$self->sql("SELECT sparkingest.purchase('$tenant', '$_', $bought{$_})") if $bought{$_};
	}
	return $tenant;
}

my $jobs = 0;

# A draft job. Options: name, source, requirements, schedule, sla, options: each as for create_job, objects as hashes.
sub job
{
	my ($self, $tenant, %is) = @_;
	my $literal = sub { my ($object) = @_; return "'" . (JSON::PP->new->utf8->encode($object) =~ s/'/''/gr) . "'" };
	return $self->sql("SET client_min_messages = warning; SELECT sparkingest.create_job('$tenant', '" . ($is{name} // 'job ' . ++$jobs) . "', 'postgres', "
		  . $literal->({ host => 'db.example.com', database => 'shop', table => 'orders', %{ $is{source} // {} } }) . ', '
		  . $literal->({ type => 's3', bucket => 'lake', path => 'orders' }) . ', '
		  . $literal->({ cpu_cores => 2, memory_gb => 4, executors => 1, runtime_minutes => 10, %{ $is{requirements} // {} } })
		  . ', schedule_cron => ' . ($is{schedule} ? "'$is{schedule}'" : 'NULL')
		  . ', sla_requirements => ' . $literal->($is{sla} // {}) . ', options => ' . $literal->($is{options} // {}) . ')');
}

sub run_job { my ($self, $job, $at) = @_; return $self->sql("SELECT sparkingest.run_job('$job'" . ($at ? ", $at" : '') . ')') }

# A job in production, by way of a good draft run.
sub production_job
{
	my ($self, $tenant, %is) = @_;
	my $job = $self->job($tenant, %is);
	my $draft = $self->run_job($job);
	$self->{kube}->whole_run($draft, took => 60);
	$self->await("SELECT state FROM sparkingest.job_executions WHERE execution_id = '$draft'", 'succeeded', 'the draft run to end');
	my $answer = $json->decode($self->sql("SELECT sparkingest.promote_job('$job')"));
	croak "not promoted: $answer->{reason}" unless $answer->{status} eq 'promoted';
	return $job;
}

sub cancel { my ($self, $id, $reason) = @_; return $self->sql("SELECT sparkingest.cancel_execution('$id', '" . ($reason // 'test') . "')") }

# States that an execution went through, by its events.
sub history
{
	my ($self, $id) = @_;
	return $self->sql("SELECT string_agg(after ->> 'state', ' ' ORDER BY event_id) FROM sparkingest.events WHERE execution_id = '$id' AND event_type = 'execution.state'");
}

sub postmaster { my ($self) = @_; return (split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{node}->data_dir . '/postmaster.pid'))[0] }
sub dispatcher { my ($self) = @_; return $self->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'sparkingest dispatcher'") }

# kill -9 of the dispatcher, and what PostgreSQL does then: crash recovery. Tests that it did.
sub crash_dispatcher
{
	my ($self, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $log = $self->{node}->logfile;
	my $size = -s $log;
	my $pid = $self->dispatcher;
	kill('KILL', $pid) == 1 or croak 'no dispatcher to kill';
	until_true(sub { $self->{node}->log_contains('all server processes terminated; reinitializing', $size)
			&& $self->{node}->log_contains('database system is ready to accept connections', $size) },
		"kill -9 of the dispatcher $what: the server went through crash recovery");
	Sparkingest::Wait::poll(sub { ($self->{node}->psql('postgres', 'SELECT 1'))[0] == 0 }) or croak 'the server does not come back';
	until_true(sub { ($self->dispatcher || $pid) != $pid }, '... and another dispatcher works');
	return;
}

1;
