-- When each program that has begun an act was last heard of, by the database's own clock. Programs on
-- other machines tell by it whether an act without an end still runs.
create table alive (
    owner text        not null primary key,
    seen  timestamptz not null
);
