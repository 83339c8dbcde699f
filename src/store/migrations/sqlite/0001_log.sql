-- The operations log: entries that are only ever added, each with the hash of the one before.
create table entry (
    seq       integer not null primary key,
    operation integer not null,
    kind      text    not null check (kind in ('begin', 'end', 'note')),
    token     text    not null,
    previous  text    not null,
    hash      text    not null,
    body      text    not null
) strict;

-- One begin and one end for each operation; notes belong to none.
create unique index entry_operation on entry (kind, operation) where kind <> 'note';
-- A record that comes twice (it waited in the spill, but had arrived after all) is taken once.
create unique index entry_token on entry (token, kind);

-- The newest entry, for the next one to continue, and a second witness of where the log ends.
create table head (
    one       integer not null primary key check (one = 1),
    seq       integer not null,
    operation integer not null,
    hash      text    not null
) strict;

insert into head (one, seq, operation, hash)
values (1, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000');

create trigger entry_continues before insert on entry
when new.seq <> (select seq + 1 from head) or new.previous <> (select hash from head)
begin
    select raise(abort, 'the entry does not continue the operations log');
end;

create trigger entry_stays before update on entry
begin
    select raise(abort, 'the operations log is append-only');
end;

create trigger entry_remains before delete on entry
begin
    select raise(abort, 'the operations log is append-only');
end;

create trigger head_advances before update on head
when new.seq <> old.seq + 1
    or not exists (select 1 from entry where seq = new.seq and hash = new.hash)
begin
    select raise(abort, 'the head follows the operations log');
end;

create trigger head_remains before delete on head
begin
    select raise(abort, 'the head follows the operations log');
end;
