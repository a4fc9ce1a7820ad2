# Sessions that reserve, release and move without end, several things to a transaction, each for a tenant of its own; and what they were told.
# Each is a psql with a long script: what it printed before the tag COMMIT was promised, what came after it is open.
package Sparkingest::Load;

use strict;
use warnings FATAL => 'all';
use Carp;
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Utils ();
use Sparkingest::Wait;

my $MOST_STEPS = 3;
my @NAMESPACES = qw(vcpu-hours-ns vcpu-hours-ns draft-ingestion-ns dedicated-cpu-ns);

# sessions => how many (4), days => how far ahead they go (2). Capacity is made scarce.
sub new
{
	my ($class, $server, %options) = @_;
	my $self = bless { server => $server, folder => PostgreSQL::Test::Utils::tempdir(), committed => 0, files => 0, days => $options{days} // 2 }, $class;

	$server->sql(<<'SQL');
UPDATE sparkingest.namespaces SET cpu_millicores = 40000, memory_mib = 81920 WHERE namespace = 'vcpu-hours-ns';
UPDATE sparkingest.namespaces SET cpu_millicores = 20000, memory_mib = 40960, tenant_cpu_millicores = 12000 WHERE namespace = 'draft-ingestion-ns';
CREATE SCHEMA load;
CREATE TABLE load.told (session integer, n integer);
CREATE FUNCTION load.take(tenant uuid, cores integer, minutes integer, ahead integer, in_namespace text) RETURNS SETOF text LANGUAGE sql AS $$
SELECT concat_ws('|', 'take', reservation_id, namespace, extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint, cores)
  FROM sparkingest.try_reserve(tenant, cores, cores * 2, make_interval(mins => minutes), now() + make_interval(mins => ahead), '1 hour', in_namespace)
 WHERE reservation_id IS NOT NULL
$$;
CREATE FUNCTION load.own(tenant uuid, OUT reservation_id uuid) LANGUAGE sql AS $$
SELECT reservation_id FROM sparkingest.reservations WHERE tenant_id = tenant AND status = 'active' AND starts_at > now() ORDER BY random() LIMIT 1
$$;
CREATE FUNCTION load.give(tenant uuid) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    id uuid := load.own(tenant);
BEGIN
    IF id IS NOT NULL AND sparkingest.release(id) THEN
        RETURN NEXT 'give|' || id;
    END IF;
END $$;
CREATE FUNCTION load.move(tenant uuid, ahead integer) RETURNS SETOF text LANGUAGE sql AS $$
SELECT concat_ws('|', 'move', m.reservation_id, m.namespace, extract(epoch FROM m.starts_at)::bigint, extract(epoch FROM m.ends_at)::bigint)
  FROM load.own(tenant) AS o, LATERAL sparkingest.move_reservation(o.reservation_id, now() + make_interval(mins => ahead)) AS m
 WHERE o.reservation_id IS NOT NULL
$$;
SQL
	$self->{sessions} = [ map { { number => $_, tenant => $server->tenant(hours => 100_000, units => 3), n => 0, told => 0, held => {} } } 1 .. $options{sessions} // 4 ];
	return $self;
}

sub step
{
	my ($self, $tenant) = @_;
	my $ahead = int rand $self->{days} * 1440;
	my $what = int rand 10;
	return "SELECT load.take('$tenant', " . (1 + int rand 12) . ', ' . (5 + int rand 180) . ", $ahead, '$NAMESPACES[rand @NAMESPACES]');" if $what < 5;
	return "SELECT load.give('$tenant');" if $what < 8;
	return "SELECT load.move('$tenant', $ahead);";
}

sub transaction
{
	my ($self, $session) = @_;
	my $n = ++$session->{n};
	my @steps = map { $self->step($session->{tenant}) } 1 .. 1 + int rand $MOST_STEPS;
	splice @steps, int rand @steps, 0, 'SAVEPOINT s;', $self->step($session->{tenant}), 'ROLLBACK TO s;', '\echo undone' if rand() < 0.3;
	return join("\n", "\\echo transaction $n", 'BEGIN;', @steps, "INSERT INTO load.told VALUES ($session->{number}, $n);",
		rand() < 0.1 ? 'ROLLBACK;' : 'COMMIT;') . "\n";
}

sub start_session
{
	my ($self, $session) = @_;
	my $file = "$self->{folder}/" . ++$self->{files};
	PostgreSQL::Test::Utils::append_to_file($file, join '', map { $self->transaction($session) } 1 .. 3000);
	@$session{qw(out is_read)} = ("$file.out", 0);
	PostgreSQL::Test::Utils::append_to_file($session->{out}, '');
	$session->{pid} = fork() // croak "fork: $!";
	return if $session->{pid};
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', $session->{out};
	open STDERR, '>', "$file.err";
	exec 'setpriv', '--pdeathsig', 'TERM', 'psql', '-XAt', '-d', $self->{server}->node->connstr('postgres') . " application_name=load$session->{number}", '-f', $file
	  or POSIX::_exit(127);
}

sub start { my ($self) = @_; $self->start_session($_) for @{ $self->{sessions} }; return }

# What they print is taken in: as far as it was promised.
sub read_session
{
	my ($self, $session) = @_;
	my (@steps, $mark, $n);

	for (split /\n/, PostgreSQL::Test::Utils::slurp_file($session->{out}))
	{
		if (/^transaction (\d+)$/) { $n = $1; $mark = 0; @steps = () }
		elsif (/^(?:take|give|move)\|/) { push @steps, $_ }
		elsif ($_ eq 'SAVEPOINT') { $mark = @steps }
		elsif ($_ eq 'undone') { $#steps = $mark - 1 }
		elsif ($_ eq 'COMMIT')
		{
			promised($session, $_) for @steps;
			$session->{told} = $n;
			$self->{committed}++;
		}
	}
	@$session{qw(asked is_read)} = ($n // $session->{told}, 1);
	return;
}

sub promised
{
	my ($session, $step) = @_;
	my ($what, $id, @rest) = split /\|/, $step;
	my $held = $session->{held};

	delete $held->{$id} if $what eq 'give';
	$held->{$id} = join '|', @rest if $what eq 'take';
	$held->{$id} = join '|', @rest, (split /\|/, $held->{$id})[-1] if $what eq 'move';
	return;
}

# Waits until so many transactions more have been committed. Sessions that came to their end are followed by others.
sub goes_on
{
	my ($self, $transactions) = @_;
	my $done = sub {
		my $sum = $self->{committed};
		$sum += () = PostgreSQL::Test::Utils::slurp_file($_->{out}) =~ /^COMMIT$/mg for grep { !$_->{is_read} } @{ $self->{sessions} };
		return $sum;
	};
	my $before = $done->();
	Sparkingest::Wait::poll(sub { $self->start_again; $done->() >= $before + $transactions }) or croak 'the load does not go on';
	return;
}

sub pids { my ($self) = @_; return split /\n/, $self->{server}->sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'load%'") }

sub has_ended
{
	my ($session) = @_;
	delete $session->{pid} if $session->{pid} && waitpid($session->{pid}, WNOHANG) != 0;
	return !$session->{pid};
}

# Ended sessions are followed by others.
sub start_again
{
	my ($self) = @_;
	for my $session (grep { has_ended($_) } @{ $self->{sessions} })
	{
		$self->read_session($session);
		$self->settle($session);
		$self->start_session($session);
	}
	return;
}

# Ends all of them, in the middle of what they do.
sub stop
{
	my ($self) = @_;
	kill 'KILL', grep { $_ } map { $_->{pid} } @{ $self->{sessions} };
	for my $session (@{ $self->{sessions} })
	{
		waitpid delete $session->{pid}, 0 if $session->{pid};
		$self->read_session($session);
	}
	return;
}

# What is there of a session's work that it was not promised, or not there that it was; as text. At most one transaction was open when it
# ended: it is there, or not, as a whole. From then on that counts as promised.
sub settle
{
	my ($self, $session) = @_;
	my $server = $self->{server};
	Sparkingest::Wait::poll(sub { $server->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'load$session->{number}'") eq '0' })
	  or croak 'a session does not end';
	my $last = $server->sql("SELECT COALESCE(max(n), 0) FROM load.told WHERE session = $session->{number}");
	my %is = map { split /=/ } split /\n/, $server->sql(<<"SQL");
SELECT reservation_id || '=' || concat_ws('|', namespace, extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint, cpu_millicores / 1000)
  FROM sparkingest.reservations WHERE tenant_id = '$session->{tenant}' AND status = 'active'
SQL
	my $held = $session->{held};
	my @differ = grep { ($is{$_} // 'nothing') ne ($held->{$_} // 'nothing') } keys %{ { %is, %$held } };
	my @wrong;
	push @wrong, "session $session->{number} was told that its transaction $session->{told} is committed, but $last is the last one" if $last < $session->{told};
	push @wrong, "session $session->{number} asked for $session->{asked} transactions, and $last are there" if $last > $session->{asked};
	push @wrong, map { "reservation $_ is " . ($is{$_} // 'gone') . ', and was told to be ' . ($held->{$_} // 'none') } @differ
	  if $last == $session->{told} || @differ > $MOST_STEPS;
	push @{ $self->{wrong} }, @wrong;
	($session->{held}, $session->{told}) = (\%is, $last);
	return;
}

# The same of all sessions since it was asked last: '' = whatever was promised is there, and nothing else is.
sub broken_promises
{
	my ($self) = @_;
	$self->settle($_) for @{ $self->{sessions} };
	return join "\n", splice @{ $self->{wrong} // [] };
}

sub committed { return $_[0]{committed} }

1;
