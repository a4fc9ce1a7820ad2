# Waiting for what is going to be: no test sleeps, each polls with a deadline.
package Sparkingest::Wait;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(until_true until_is until_like $PATIENCE);

# Seconds that anything may take before it counts as not happening.
our $PATIENCE = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 60;

# Polls until the code gives something true and returns that; undef after the deadline.
sub poll
{
	my ($code, $seconds) = @_;
	my $deadline = time + ($seconds // $PATIENCE);
	while (1)
	{
		my $value = $code->();
		return $value if $value;
		return if time > $deadline;
		usleep(40_000);
	}
}

# A test that passes when the code gives something true in time; returns that.
sub until_true
{
	my ($code, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $value = poll($code, $seconds);
	ok($value, $name);
	return $value;
}

sub until_matches
{
	my ($code, $good, $want, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	my $last;
	poll(sub { $last = $code->(); defined $last && $good->($last) }, $seconds);
	ok(defined $last && $good->($last), $name) or diag("in the end: " . ($last // 'nothing') . "\nwanted:     $want");
	return $last;
}

# ... when the code's value is, or is like, what is wanted; returns the last value.
sub until_is
{
	my ($code, $want, $name, $seconds) = @_;
	return until_matches($code, sub { $_[0] eq $want }, $want, $name, $seconds);
}

sub until_like
{
	my ($code, $want, $name, $seconds) = @_;
	return until_matches($code, sub { $_[0] =~ $want }, $want, $name, $seconds);
}

1;
