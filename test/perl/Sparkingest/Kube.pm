# The Kubernetes of a test: three namespaces of its own in the cluster that test/t/run started (KUBE_DIR), or a cluster of
# its own that it may break; and the test as operator and kubelet, by the status of real objects.
package Sparkingest::Kube;

use strict;
use warnings FATAL => 'all';
use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils ();
use Sparkingest::Wait;

my $cluster_py = abs_path(dirname(__FILE__) . '/../../cluster/cluster.py');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $apps = '/apis/sparkoperator.k8s.io/v1beta2';
my @open;

# An end from outside is an end with its clearing up.
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

# However this process ends, what it starts so ends with it.
our @die_with_us = qw(setpriv --pdeathsig TERM);
our @NAMESPACES = qw(dedicated-cpu-ns vcpu-hours-ns draft-ingestion-ns);

sub run_quietly
{
	my @command = @_;
	my ($out, $in) = ('', '');
	IPC::Run::run(\@command, '<', \$in, '>&', \$out) or croak "@command failed:\n$out";
	return $out;
}

# own => 1: a cluster for this test alone. Else namespaces with the test's name before theirs.
sub new
{
	my ($class, %options) = @_;
	my $self = bless { folder => PostgreSQL::Test::Utils::tempdir(), own => $options{own} ? 1 : 0 }, $class;
	push @open, $self;

	# What the server reads there is its own.
	chmod 0755, $self->{folder};
	if ($self->{own})
	{
		$self->{cluster} = "$self->{folder}/cluster";
		run_quietly($cluster_py, 'start', '--dir', $self->{cluster});
		$self->{prefix} = '';
	}
	else
	{
		$self->{cluster} = $ENV{KUBE_DIR} or croak 'KUBE_DIR names no cluster: start tests by test/t/run';
		($self->{prefix} = basename($0, '.t') . "-$$-") =~ tr/a-z0-9/-/c;
	}
	$self->install;
	$self->open_proxy;
	return $self;
}

sub state_of { return $json->decode(PostgreSQL::Test::Utils::slurp_file("$_[0]{cluster}/state.json")) }

# CRD, namespaces, quotas, rights, kubeconfig; also puts back what a test took away.
sub install
{
	my ($self) = @_;
	$self->{install} = $self->{own} ? $self->{cluster} : "$self->{folder}/install";
	run_quietly($cluster_py, 'install', '--dir', $self->{install}, '--kubeconfig', "$self->{cluster}/admin.kubeconfig",
		'--prefix', $self->{prefix});
	return;
}

# kubectl turns TLS and the administrator's certificate into plain HTTP for HTTP::Tiny.
sub open_proxy
{
	my ($self) = @_;
	my $kubectl = $self->state_of->{bin} . '/kubectl';
	my $said = '';
	$self->{kubectl} = IPC::Run::start([ @die_with_us, $kubectl, '--kubeconfig', "$self->{cluster}/admin.kubeconfig", 'proxy', '--port=0' ],
		'<', \undef, '>&', \$said);
	Sparkingest::Wait::poll(sub { $self->{kubectl}->pump_nb; $said =~ /serve on (\S+:\d+)/ }) or croak "kubectl proxy: $said";
	($self->{url}) = $said =~ /serve on (\S+:\d+)/;
	$self->{http} = HTTP::Tiny->new(timeout => 30);
	return;
}

sub prefix { return $_[0]{prefix} }
sub kubeconfig { return "$_[0]{install}/sparkingest.kubeconfig" }
sub token_file { return "$_[0]{install}/sparkingest.token" }
sub server { return $_[0]->state_of->{server} }
sub namespace { return $_[0]{prefix} . $_[1] }

# Of a cluster of its own: starts one of its processes, or sends it a signal.
sub start_process { my ($self, $name) = @_; run_quietly($cluster_py, 'start', '--dir', $self->{cluster}, '--only', $name); return }

sub signal_process
{
	my ($self, $name, $signal) = @_;
	chomp(my $pid = PostgreSQL::Test::Utils::slurp_file("$self->{cluster}/$name.pid"));
	kill($signal, $pid) == 1 or croak "$name is not there";
	return;
}

# One request as administrator: status and document. 429 is an API server that comes up: it has done nothing.
sub request
{
	my ($self, $method, $path, $body, $type) = @_;
	my %options = $body ? (content => $json->encode($body), headers => { 'Content-Type' => $type // 'application/json' }) : ();
	my $answer;
	Sparkingest::Wait::poll(sub { $answer = $self->{http}->request($method, "http://$self->{url}$path", \%options); $answer->{status} != 429 });
	return ($answer->{status}, eval { $json->decode($answer->{content}) } // $answer->{content});
}

# The same, which must succeed.
sub must
{
	my ($self, @request) = @_;
	my ($status, $document) = $self->request(@request);
	$status =~ /^2/ or croak "$request[0] $request[1]: $status " . (ref $document ? $document->{message} : $document);
	return $document;
}

sub merge { my ($self, $path, $body) = @_; return $self->must('PATCH', $path, $body, 'application/merge-patch+json') }

# Path of an object, or of a collection.
sub app_path { my ($self, $app) = @_; return "$apps/namespaces/$app->{metadata}{namespace}/sparkapplications/$app->{metadata}{name}" }
sub pod_path { my ($self, $pod) = @_; return "/api/v1/namespaces/$pod->{metadata}{namespace}/pods/$pod->{metadata}{name}" }
sub apps_path { my ($self, $namespace) = @_; return "$apps/namespaces/" . $self->namespace($namespace) . '/sparkapplications' }

# All SparkApplications of the test's namespaces, or those of one execution.
sub applications
{
	my ($self, $execution) = @_;
	my $labels = $execution ? "?labelSelector=sparkingest.io/execution=$execution" : '';
	return map { @{ $self->must('GET', $self->apps_path($_) . $labels)->{items} } } @NAMESPACES;
}

# The one object of an execution, waited for.
sub application
{
	my ($self, $execution) = @_;
	my $app = Sparkingest::Wait::poll(sub { ($self->applications($execution))[0] }) or croak "no object of execution $execution";
	# Lists leave these out.
	$app->{apiVersion} //= 'sparkoperator.k8s.io/v1beta2';
	$app->{kind} //= 'SparkApplication';
	return $app;
}

sub is_there { my ($self, $app) = @_; return ($self->request('GET', $self->app_path($app)))[0] == 200 }
sub delete_application { my ($self, $app) = @_; $self->must('DELETE', $self->app_path($app)); return }

sub pods
{
	my ($self, $execution) = @_;
	return map { @{ $self->must('GET', '/api/v1/namespaces/' . $self->namespace($_) .
			"/pods?labelSelector=sparkingest.io/execution=$execution")->{items} } } @NAMESPACES;
}

# A time as Kubernetes writes it.
sub stamp { my ($epoch) = @_; return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($epoch)) }

# The operator says how an application is: its state, and more of status.
sub say_state
{
	my ($self, $app, $state, %more) = @_;
	my $error = delete $more{error};
	$self->merge($self->app_path($app) . '/status',
		{ status => { applicationState => { state => $state, errorMessage => $error },
			driverInfo => { podName => "$app->{metadata}{name}-driver" }, %more } });
	return;
}

# The pods that operator and Spark would make of a manifest: driver, and as many executors.
sub make_pods
{
	my ($self, $app) = @_;
	my $spec = $app->{spec};
	my @roles = (driver => $spec->{driver}, map { ("exec-$_" => $spec->{executor}) } 1 .. $spec->{executor}{instances});
	my @made;
	while (my ($suffix, $role) = splice @roles, 0, 2)
	{
		my $memory = ($role->{memory} =~ s/m$//r) + ($role->{memoryOverhead} =~ s/m$//r);
		push @made, $self->must('POST', "/api/v1/namespaces/$app->{metadata}{namespace}/pods", {
			apiVersion => 'v1', kind => 'Pod',
			metadata => {
				name => "$app->{metadata}{name}-$suffix",
				labels => { %{ $role->{labels} }, 'spark-role' => $suffix eq 'driver' ? 'driver' : 'executor' },
				ownerReferences => [ { apiVersion => $app->{apiVersion}, kind => $app->{kind}, name => $app->{metadata}{name},
					uid => $app->{metadata}{uid}, controller => JSON::PP::true } ] },
			spec => {
				nodeName => 'test', restartPolicy => 'Never',
				($suffix eq 'driver' ? (serviceAccountName => $role->{serviceAccount}) : ()),
				containers => [ { name => $suffix eq 'driver' ? 'spark-kubernetes-driver' : 'spark-kubernetes-executor',
					image => $spec->{image},
					resources => { requests => { cpu => $role->{coreRequest}, memory => "${memory}Mi" },
						limits => { cpu => $role->{coreLimit}, memory => "${memory}Mi" } } } ] } });
	}
	return @made;
}

# kubelet says how a pod is.
sub say_pod
{
	my ($self, $pod, $phase, $container_state, %more) = @_;
	$self->merge($self->pod_path($pod) . '/status', { status => { phase => $phase, %more, containerStatuses => [
		{ name => $pod->{spec}{containers}[0]{name}, image => 'spark', imageID => '', restartCount => 0,
		  ready => $phase eq 'Running' ? JSON::PP::true : JSON::PP::false, state => $container_state } ] } });
	return;
}

# The driver runs since so many seconds, and its executors.
sub start_run
{
	my ($self, $execution, %options) = @_;
	my $app = $self->application($execution);
	$app->{began} = time - ($options{since} // 0);
	my $since = stamp($app->{began});
	my @pods = $self->make_pods($app);
	$self->say_state($app, 'SUBMITTED', lastSubmissionAttemptTime => $since);
	$self->say_pod($_, 'Running', { running => { startedAt => $since } }, startTime => $since) for @pods;
	$self->say_state($app, 'RUNNING');
	return $app;
}

sub ended_at { my ($app, %end) = @_; return stamp(defined $end{took} ? $app->{began} + $end{took} : time) }

# Its pods end, now or `took` seconds after the start: the driver with an exit code, a reason and a termination message.
# Executors are deleted, as Spark does.
sub end_pods
{
	my ($self, $app, %end) = @_;
	my $code = $end{exit} // 0;
	$app->{began} //= time;
	for my $pod ($self->pods($app->{metadata}{labels}{'sparkingest.io/execution'}))
	{
		if ($pod->{metadata}{labels}{'spark-role'} ne 'driver')
		{
			$self->remove_pod($pod);
			next;
		}
		$self->say_pod($pod, $code ? 'Failed' : 'Succeeded', { terminated => {
			exitCode => $code, reason => $end{reason} // ($code ? 'Error' : 'Completed'), startedAt => stamp($app->{began}),
			finishedAt => ended_at($app, %end), ($end{message} ? (message => $end{message}) : ()) } },
			($end{pod_reason} ? (reason => $end{pod_reason}) : ()));
	}
	return;
}

# A run ends, pods first: metrics = what ingest.py leaves as termination message.
sub end_run
{
	my ($self, $app, %end) = @_;
	$end{message} //= $json->encode($end{metrics}) if $end{metrics};
	$self->end_pods($app, %end);
	$self->say_state($app, $end{exit} ? 'FAILED' : 'COMPLETED', error => $end{error},
		terminationTime => ended_at($app, %end));
	return;
}

# kubelet confirms that a pod is gone.
sub remove_pod
{
	my ($self, $pod) = @_;
	$self->request('DELETE', $self->pod_path($pod) . '?gracePeriodSeconds=0');
	return;
}

sub remove_pods { my ($self, $execution) = @_; $self->remove_pod($_) for $self->pods($execution); return }

# A whole run that took so many seconds and ended well.
sub whole_run
{
	my ($self, $execution, %options) = @_;
	$options{took} //= 120;
	my $app = $self->start_run($execution, since => $options{took});
	$self->end_run($app, %options);
	return $app;
}

# What all pods of a manifest ask for: millicores and MiB, counted from the object that the API server has.
sub asked
{
	my ($app) = @_;
	my ($driver, $executor) = @{ $app->{spec} }{qw(driver executor)};
	my $number = sub { my ($text) = @_; $text =~ /^(\d+)m$/ or croak "\"$text\" is not <number>m"; $1 };
	my $sum = sub { my (@keys) = @_; my $sum = 0;
		$sum += $number->($driver->{$_}) + $executor->{instances} * $number->($executor->{$_}) for @keys; $sum };
	return ($sum->('coreRequest'), $sum->(qw(memory memoryOverhead)));
}

# Ends what was started here; the shared cluster goes on.
sub stop
{
	my ($self) = @_;
	$self->{kubectl}->kill_kill if $self->{kubectl};
	run_quietly($cluster_py, 'stop', '--dir', $self->{cluster}, '--delete') if $self->{own};
	delete @$self{qw(kubectl own)};
	return;
}

END
{
	my $status = $?;
	eval { $_->stop; 1 } or warn $@ for @open;
	$? = $status;
}

1;
