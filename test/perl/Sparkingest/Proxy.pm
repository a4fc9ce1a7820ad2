# The man in the middle of proxy.py, told what to do from a test.
package Sparkingest::Proxy;

use strict;
use warnings FATAL => 'all';
use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils ();
use Sparkingest::Kube;
use Sparkingest::Wait;

my $program = abs_path(dirname(__FILE__) . '/../proxy.py');
my $json = JSON::PP->new->utf8->canonical;
my @open;

sub new
{
	my ($class, $kube) = @_;
	my $self = bless { folder => PostgreSQL::Test::Utils::tempdir(), http => HTTP::Tiny->new(timeout => 30), said => '' }, $class;
	my $config = $json->decode(PostgreSQL::Test::Utils::slurp_file($kube->kubeconfig));
	my $cluster = $config->{clusters}[0]{cluster};

	chmod 0755, $self->{folder};
	push @open, $self;
	$self->{process} = IPC::Run::start(
		[ @Sparkingest::Kube::die_with_us, $program, '--upstream', $cluster->{server}, '--ca', $cluster->{'certificate-authority'}, '--dir', $self->{folder} ],
		'<', \undef, '>&', \$self->{said});
	Sparkingest::Wait::poll(sub { -e "$self->{folder}/proxy.json" }) or croak "proxy.py did not start: $self->{said}";
	$self->{ports} = $json->decode(PostgreSQL::Test::Utils::slurp_file("$self->{folder}/proxy.json"));
	@$cluster{qw(server certificate-authority)} = ("https://127.0.0.1:$self->{ports}{port}", "$self->{folder}/proxy.crt");
	PostgreSQL::Test::Utils::append_to_file($self->kubeconfig, $json->encode($config));
	return $self;
}

# For the server: leads to the proxy, with the token of the cluster's.
sub kubeconfig { return "$_[0]{folder}/kubeconfig" }

sub tell
{
	my ($self, $path, %body) = @_;
	my $answer = $self->{http}->post("http://127.0.0.1:$self->{ports}{control}/$path", { content => $json->encode(\%body) });
	$answer->{success} or croak "proxy.py: $answer->{status} $answer->{content} $self->{said}";
	return $json->decode($answer->{content});
}

# Adds a rule and returns its number: action, and method, path (a regular expression), times, status, headers, body.
sub rule { my ($self, $action, %rule) = @_; return $self->tell('rule', action => $action, %rule)->{rule} }
sub release { my ($self) = @_; $self->tell('release', forward => JSON::PP::true); return }
sub drop { my ($self) = @_; $self->tell('release', forward => JSON::PP::false); return }
sub clear { my ($self) = @_; $self->tell('clear'); return }
sub sever { my ($self) = @_; $self->tell('sever'); return }

# Requests so far whose fields are as given: method, path (like), stage, rule, status.
sub seen
{
	my ($self, %like) = @_;
	my $path = delete $like{path};
	my $log = $json->decode($self->{http}->get("http://127.0.0.1:$self->{ports}{control}/log")->{content});
	return grep { my $entry = $_; (!$path || $entry->{path} =~ $path) && !grep { ($entry->{$_} // '') ne $like{$_} } keys %like } @$log;
}

# A test that passes when so many requests like that have been seen: the fault was reached.
sub reaches
{
	my ($self, $count, $name, %like) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_is(sub { scalar $self->seen(%like) }, $count, $name);
}

sub stop
{
	my ($self) = @_;
	$self->{process}->kill_kill if $self->{process};
	delete $self->{process};
	return;
}

END
{
	my $status = $?;
	$_->stop for @open;
	$? = $status;
}

1;
