create table visits (number integer generated always as identity primary key, at timestamptz not null default now());
insert into visits default values;
