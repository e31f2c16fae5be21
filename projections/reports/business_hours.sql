-- When every group is open, from the beginning of time to 400 days after T: business time, for other reports to count
-- in. The time between two instants is the difference of what lies before them.
-- clock: state
-- formula: the local hours of the calendar in force at each moment, without its holidays; a group works by the calendar that names it, or else by one that names none; where several do, by the one that came into force last
-- edges: where no calendar is in force, it is always open; of a time that the clock shows twice, the later one; one that it skips is as much later; nothing is counted twice; a period does not matter
-- source: definition; calendars as dbt_zendesk has schedules, but by the one in force at each moment
-- column: group_id: the group; empty for all that no calendar names
-- column: calendar_id: the calendar; null where none is in force
-- column: calendar_version: its version
-- column: opens_at: from when on the group is open
-- column: closes_at: until when
-- column: microseconds_before: how long the group was open before
with in_force as (
    select *,
           coalesce(
               min(in_force_from) over (
                   partition by calendar_id order by version rows between 1 following and unbounded following
               ),
               'infinity'
           ) as in_force_to
    from calendars
),
changes as (
    select in_force_from as since from calendars
    union
    select timestamptz '0001-01-01 00:00:00+00'
),
spans as (
    select since, least(lead(since) over (order by since), $as_of + interval 400 day) as until from changes
),
groups as (
    select unnest(group_ids) as group_id from calendars
    union
    select ''
),
pieces as (
    select groups.group_id, since, until,
           max_by(
               calendar, {'named': len(calendar.group_ids) > 0, 'since': in_force_from, 'id': calendar_id}
           ) as calendar
    from spans
    cross join groups
    left join in_force as calendar
        on in_force_from <= since and since < in_force_to
        and (len(calendar.group_ids) = 0 or list_contains(calendar.group_ids, groups.group_id))
    where since < until
    group by groups.group_id, since, until
),
days as (
    select group_id, since, until, calendar,
           unnest(generate_series(
               cast(timezone(calendar.time_zone, since) as date) - interval 1 day,
               timezone(calendar.time_zone, until),
               interval 1 day
           )) as day
    from pieces
    where calendar.calendar_id is not null
),
windows as (
    select group_id, since, until, calendar, day,
           unnest(calendar.hours) as hours
    from days
    where not list_contains(calendar.holidays, strftime(day, '%Y-%m-%d'))
),
local_hours as (
    select *, day + cast(hours[5:9] as interval) as opens, day + cast(hours[11:15] as interval) as closes
    from windows
    where hours[1:3] = lower(strftime(day, '%a'))
),
opened as (
    select group_id, calendar.calendar_id as calendar_id, calendar.version as calendar_version,
           greatest(since, timezone(calendar.time_zone, opens)) as opens_at,
           least(until, timezone(calendar.time_zone, closes)) as closes_at
    from local_hours
    union all
    select group_id, null, null, since, until
    from pieces
    where calendar.calendar_id is null
),
apart as (
    select * exclude (opens_at),
           greatest(
               opens_at,
               max(closes_at) over (
                   partition by group_id order by opens_at, closes_at
                   rows between unbounded preceding and 1 preceding
               )
           ) as opens_at
    from opened
    where opens_at < closes_at
)
select group_id, calendar_id, calendar_version, opens_at, closes_at,
       cast(coalesce(sum(epoch_us(closes_at) - epoch_us(opens_at)) over (
           partition by group_id order by opens_at rows between unbounded preceding and 1 preceding
       ), 0) as bigint) as microseconds_before
from apart
where opens_at < closes_at
order by group_id, opens_at
