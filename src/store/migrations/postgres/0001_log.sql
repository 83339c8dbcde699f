-- The operations log: entries that are only ever added, each with the hash of the one before.
create table entry (
    seq       bigint not null primary key,
    operation bigint not null,
    kind      text   not null check (kind in ('begin', 'end', 'note')),
    token     text   not null,
    previous  text   not null,
    hash      text   not null,
    body      text   not null
);

-- One begin and one end for each operation; notes belong to none.
create unique index entry_operation on entry (kind, operation) where kind <> 'note';
-- A record that comes twice (it waited in a spill, but had arrived after all) is taken once.
create unique index entry_token on entry (token, kind);

-- The newest entry, for the next one to continue, and a second witness of where the log ends. Who
-- writes locks this row first, so that the log has one writer at a time.
create table head (
    one       bigint not null primary key check (one = 1),
    seq       bigint not null,
    operation bigint not null,
    hash      text   not null
);

insert into head (one, seq, operation, hash)
values (1, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Which log this is: another one that is in its place some day is told by it.
create table identity (
    one  bigint not null primary key check (one = 1),
    high bigint not null,
    low  bigint not null
);

insert into identity (one, high, low)
values (1, floor(random() * 1e15)::bigint, floor(extract(epoch from clock_timestamp()) * 1e6)::bigint);

create function entry_continues() returns trigger language plpgsql set search_path from current as $rule$
begin
    if not exists (select 1 from head where new.seq = head.seq + 1 and new.previous = head.hash) then
        raise exception 'the entry does not continue the operations log';
    end if;
    return new;
end
$rule$;
create trigger entry_continues before insert on entry for each row execute procedure entry_continues();

create function entry_stays() returns trigger language plpgsql as $rule$
begin
    raise exception 'the operations log is append-only';
end
$rule$;
create trigger entry_stays before update on entry for each row execute procedure entry_stays();

create function entry_remains() returns trigger language plpgsql as $rule$
begin
    raise exception 'the operations log is append-only';
end
$rule$;
create trigger entry_remains before delete on entry for each row execute procedure entry_remains();
create trigger entry_remains_whole before truncate on entry for each statement execute procedure entry_remains();

create function head_advances() returns trigger language plpgsql set search_path from current as $rule$
begin
    if new.seq <> old.seq + 1
        or not exists (select 1 from entry where seq = new.seq and hash = new.hash) then
        raise exception 'the head follows the operations log';
    end if;
    return new;
end
$rule$;
create trigger head_advances before update on head for each row execute procedure head_advances();

create function head_remains() returns trigger language plpgsql as $rule$
begin
    raise exception 'the head follows the operations log';
end
$rule$;
create trigger head_remains before delete on head for each row execute procedure head_remains();
create trigger head_remains_whole before truncate on head for each statement execute procedure head_remains();
