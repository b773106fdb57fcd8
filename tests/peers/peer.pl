#!/usr/bin/perl
# An SMPP peer in Net::SMPP (CPAN; Debian's libnet-smpp-perl): an SMSC or an ESME of
# somebody else's making.
#
# peer.py starts it and tells the lines of JSON that go both ways: commands on stdin,
# what was decoded on stdout. PDUs are coded by Net::SMPP alone, texts by Encode, which
# comes with Perl. Ends with stdin.

use strict;
use warnings;

use Encode       ();
use Encode::GSM0338;
use IO::Select;
use JSON::PP     ();
use Net::SMPP;
use Time::HiRes qw(time);

use constant { UDHI => 0x40, SAR => [qw(sar_msg_ref_num sar_total_segments sar_segment_seqnum)] };

my %CHARSET = (0 => 'gsm0338', 1 => 'ascii', 3 => 'iso-8859-1', 8 => 'UTF-16BE');
my %PACKED  = (
    receipted_message_id => 'Z*',
    message_state        => 'C',
    network_error_code   => 'H*',
    sar_msg_ref_num      => 'n',
    sar_total_segments   => 'C',
    sar_segment_seqnum   => 'C',
);

my $json    = JSON::PP->new->utf8->canonical;
my $options = $json->decode($ARGV[0]);
my %refusals = (bind => $options->{refuse_binds} || [], submit_sm => {});
my ($number, $reference) = ($options->{first_id}, 0);
my ($listener, $session);
my $sessions = 0;

$| = 1;
$SIG{PIPE} = 'IGNORE';
$SIG{__WARN__} = sub {
    tell_event(event => 'trouble', detail => "@_") unless "@_" =~ /premature eof/;
};

sub tell_event {
    print $json->encode({@_}), "\n";
}

# [reference, total, part] of the user data header or of the TLVs; and what follows.
sub place {
    my ($pdu) = @_;
    my $content = $pdu->{short_message};
    $content = $pdu->{message_payload} if !length($content // '');
    if (defined $content && ($pdu->{esm_class} // 0) & UDHI) {
        my ($elements, $rest) = unpack 'C/a* a*', $content;
        while (length $elements) {
            (my $iei, my $value, $elements) = unpack 'C C/a* a*', $elements;
            return ([unpack 'CCC', $value], $rest) if $iei == 0;
            return ([unpack 'nCC', $value], $rest) if $iei == 8;
        }
        return (undef, $rest);
    }
    if (defined $pdu->{sar_total_segments}) {
        my @sar = map { unpack $PACKED{$_}, $pdu->{$_} } @{+SAR};
        return (\@sar, $content);
    }
    return (undef, $content);
}

sub seen {
    my ($pdu, %more) = @_;
    my ($place, $content) = place($pdu);
    my %fields;
    for my $key (grep { !/^(?:data|short_message|message_payload|\d+)$/ } keys %$pdu) {
        my $value = $pdu->{$key};
        $value = unpack $PACKED{$key}, $value if $PACKED{$key};
        $fields{$key} = $value;
    }
    my $charset = $CHARSET{$pdu->{data_coding} // ''};
    my $octets = $content;
    tell_event(
        event   => 'pdu',
        command => $pdu->explain_cmd,
        status  => $pdu->status,
        fields  => \%fields,
        text    => defined $content && $charset ? Encode::decode($charset, $octets) : undef,
        data    => defined $content && !$charset ? unpack('H*', $content) : undef,
        concat  => $place,
        %more,
    );
}

sub answer_submit {
    my ($pdu) = @_;
    my $status = shift @{$refusals{submit_sm}{$pdu->{destination_addr}} || []} || 0;
    my $id = '';
    $id = sprintf $options->{ids} eq 'hex' ? '%x' : '%d', ++$number if !$status;
    $session->submit_sm_resp(seq => $pdu->seq, status => $status, message_id => $id);
    seen($pdu, id => $status ? undef : $id, answer => $status, session => $sessions, at => time);
}

sub answer_bind {
    my ($pdu) = @_;
    my $status = shift @{$refusals{bind}} || 0;
    seen($pdu, answer => $status);
    my $answer = $pdu->explain_cmd . '_resp';
    $session->$answer(seq => $pdu->seq, status => $status, system_id => 'Net::SMPP');
    leave() if $status;
}

sub leave {
    return if !$session;
    close $session;
    undef $session;
    tell_event(event => 'closed');
}

sub take {
    my $pdu = $session->read_pdu or return leave();
    my $command = $pdu->explain_cmd;
    return answer_bind($pdu)   if $command =~ /^bind_\w+(?<!_resp)$/;
    return answer_submit($pdu) if $command eq 'submit_sm';
    seen($pdu);
    if ($command eq 'deliver_sm') {
        $session->deliver_sm_resp(seq => $pdu->seq, message_id => '');
    }
    elsif ($command eq 'enquire_link') {
        $session->enquire_link_resp(seq => $pdu->seq);
    }
    elsif ($command eq 'unbind') {
        $session->unbind_resp(seq => $pdu->seq);
        leave();
    }
    elsif ($command eq 'unbind_resp') {
        leave();
    }
}

# Octets as phones cut them: whatever character they belong to.
sub pieces {
    my ($octets, $size) = @_;
    return unpack "(a$size)*", $octets;
}

sub send_message {
    my ($command) = @_;
    my %fields = %{$command->{fields}};
    my $text   = $command->{text} // '';
    my $octets = Encode::encode($CHARSET{$fields{data_coding} // 0}, $text);
    my @tlvs = map { $_ => pack $PACKED{$_}, delete $fields{$_} }
        grep { exists $fields{$_} } sort keys %PACKED;
    my $method = $command->{command};
    my $post = sub { $session->$method(async => 1, %fields, @_) };
    my $concat = $command->{concat};
    return $post->(short_message => $octets, @tlvs) if !$concat;
    return $post->(message_payload => $octets, @tlvs) if $concat eq 'payload';
    my @parts = pieces($octets, $concat eq 'udh16' ? 132 : 134);
    my $total = @parts;
    my $order = $command->{order} // '';
    my @numbers = 1 .. $total;
    @numbers = reverse @numbers             if $order eq 'reversed';
    push @numbers, shift @numbers           if $order eq 'rotated';
    $reference++;
    for my $part (@numbers) {
        my $octets = $parts[$part - 1];
        if ($concat eq 'sar') {
            my @sar = ($reference, $total, $part);
            $post->(
                short_message => $octets,
                map { SAR->[$_] => pack $PACKED{SAR->[$_]}, $sar[$_] } 0 .. 2
            );
            next;
        }
        my $udh = $concat eq 'udh16'
            ? pack 'CCCnCC', 6, 8, 4, $reference, $total, $part
            : pack 'CCCCCC', 5, 0, 3, $reference, $total, $part;
        $post->(esm_class => UDHI, short_message => $udh . $octets);
    }
}

sub obey {
    my ($command) = @_;
    my $do = $command->{do};
    if    ($do eq 'send')   { send_message($command) if $session }
    elsif ($do eq 'refuse') { $refusals{submit_sm}{$command->{to}} = $command->{statuses} }
    elsif (!$session)       { return }
    else                    { $session->$do(async => 1) }
}

if ($options->{role} eq 'smsc') {
    $listener = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34)
        or die "cannot listen: $!";
    tell_event(event => 'listening', port => $listener->sockport);
}
else {
    $session = Net::SMPP->new_connect('127.0.0.1', port => $options->{port})
        or die "cannot connect: $!";
    $session->bind_transceiver(
        async     => 1,
        system_id => $options->{system_id},
        password  => $options->{password},
    );
}

my $commands = '';
while (1) {
    my $select = IO::Select->new(\*STDIN, grep { defined } $listener, $session);
    for my $ready ($select->can_read) {
        if ($ready == \*STDIN) {
            sysread(STDIN, $commands, 65536, length $commands) or exit 0;
            obey($json->decode($1)) while $commands =~ s/^(.*)\n//;
        }
        elsif ($listener && $ready == $listener) {
            $session = $listener->accept;
            $sessions++;
        }
        elsif ($session && $ready == $session) {
            take();
        }
    }
}
