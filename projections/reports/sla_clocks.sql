-- Every clock that an SLA set running: what it measures, when it is due, and how it ended.
-- clock: state
-- formula: due_at = the smallest t at which the time counted from the start reaches the target; the calendar, the SLA's version, the priority and the pauses are those in force at each moment
-- edges: a clock runs under the SLAs that were in force when it started; no time counts while the ticket is solved or closed; a target that shrinks below what has counted is due at once; due_at is null where the clock stands still, has no target, or would be due more than 400 days after the stop, or T; what comes after T, or after the end, is taken as it stands; a clock that has not stopped ends when its ticket is solved, closed or merged, past due as breached, and runs on where that is undone; a period does not matter
-- source: dbt_zendesk, made exact: the calendar, the version and the priority in force at each moment
-- settled: tickets(status in ('solved', 'closed', 'merged'))
-- column: sla_id: the SLA
-- column: ticket_id: the ticket's id
-- column: started_at: when the clock started
-- column: measure: first_response, next_reply, first_resolution or full_resolution
-- column: stopped_at: when what was promised happened; null where it has not
-- column: ended_at: when it stopped, or since when the ticket is solved, closed or merged without what was promised; null where the clock runs
-- column: due_at: when the target is reached
-- column: seconds: how much time counted up to the end, or T
-- column: state: met (stopped by due_at), breached (ended later), running, late (running, and due_at is past) or void (ended by due_at without what was promised)
with measures as (
    select sla_id, measure, min(in_force_from) as since from slas
    where measure <> 'first_contact_resolution'
    group by sla_id, measure
),
starts as (
    select ticket_id, 'first_response' as measure, opened_at as started_at, first_replied_at as stopped_at from tickets
    union all
    select ticket_id, 'first_resolution', opened_at, first_solved_at from tickets
    union all
    select ticket_id, 'full_resolution', opened_at, solved_at from as_solved(tickets, ticket_solutions)
    union all
    select ticket_id, 'next_reply', asked_at, answered_at from next_replies
),
rested as (
    select ticket_id, max(valid_to) as rested_at
    from tickets_intervals
    where status in ('new', 'open', 'pending', 'on_hold')
    group by ticket_id
),
clocks as materialized (
    select row_number() over () as clock, sla_id, starts.*,
           case
               when stopped_at is not null then stopped_at
               when tickets.status in ('solved', 'closed', 'merged') then greatest(started_at, rested_at)
           end as over_at,
           tickets.status as status_now, tickets.priority as priority_now, coalesce(named.group_id, '') as works_by_now
    from starts
    join measures on measures.measure = starts.measure and measures.since <= started_at
    join tickets using (ticket_id)
    left join (select distinct group_id from business_hours where group_id <> '') as named using (group_id)
    left join rested using (ticket_id)
),
lived as (
    select clock, sla_id, stopped_at, began_at, ended_at, status, priority, works_by, false as is_after
    from clocks
    join ticket_phases as phases
        on phases.ticket_id = clocks.ticket_id and began_at >= started_at and began_at < coalesce(over_at, $as_of)
),
followed as (
    from lived
    union all
    select clock, sla_id, stopped_at, ended_at, stopped_at + interval 400 day, status, priority, works_by, true
    from lived
    where ended_at = stopped_at
    union all
    select clock, sla_id, stopped_at, started_at, stopped_at + interval 400 day, coalesce(phases.status, status_now),
           if(phases.ticket_id is null, priority_now, phases.priority), coalesce(works_by, works_by_now), true
    from clocks
    left join ticket_phases as phases on phases.ticket_id = clocks.ticket_id and began_at = started_at
    where stopped_at = started_at
    union all
    select clock, sla_id, stopped_at, coalesce(over_at, $as_of),
           if(over_at is null, $as_of + interval 400 day, 'infinity'),
           status_now, priority_now, works_by_now, true
    from clocks
    where stopped_at is null
),
pieces as (
    select clock, is_after, works_by, is_business_time,
           greatest(began_at, in_force_from) as began_at, least(ended_at, in_force_to) as ended_at,
           status in ('new', 'open', 'pending', 'on_hold') and not list_contains(pauses, status) as counts,
           1000000 * coalesce(
               case priority
                   when 'low' then low_seconds
                   when 'moderate' then moderate_seconds
                   when 'high' then high_seconds
                   when 'critical' then critical_seconds
               end,
               seconds
           ) as target
    from followed
    join sla_versions as versions
        on versions.sla_id = followed.sla_id and in_force_from < ended_at
        and greatest(began_at, in_force_from) < coalesce(in_force_to, 'infinity')
),
measured as (
    select pieces.*,
           if(is_business_time, open_before, epoch_us(began_at)) as time_before,
           if(is_business_time, open_until, epoch_us(ended_at)) as time_until
    from business_time(pieces) as pieces
),
counted as (
    select *, if(counts, time_until - time_before, 0) as microseconds,
           coalesce(
               sum(if(counts, time_until - time_before, 0)) over (
                   partition by clock order by began_at rows between unbounded preceding and 1 preceding
               ),
               0
           ) as counted_before
    from measured
),
reached as (
    select clock, min(began_at) as began_at
    from counted
    where counted_before + microseconds >= target
    group by clock
),
due as (
    select clock,
           case
               when target <= counted_before then began_at
               when is_business_time then
                   hours.opens_at + to_microseconds(cast(
                       time_before + target - counted_before - hours.microseconds_before as bigint
                   ))
               else began_at + to_microseconds(cast(target - counted_before as bigint))
           end as due_at
    from counted
    semi join reached using (clock, began_at)
    asof left join business_hours as hours
        on hours.group_id = works_by and hours.microseconds_before < time_before + target - counted_before
),
elapsed as (
    select clock,
           cast(coalesce(sum(microseconds) filter (not is_after), 0) as bigint) as microseconds,
           count(target) > 0 as is_promised
    from counted
    group by clock
)
select sla_id, ticket_id, started_at, measure, stopped_at, over_at as ended_at, due_at,
       microseconds * 0.000001 as seconds,
       case
           when stopped_at <= coalesce(due_at, 'infinity') then 'met'
           when stopped_at is not null or due_at < over_at then 'breached'
           when over_at is not null then 'void'
           when due_at < $as_of then 'late'
           else 'running'
       end as state
from clocks
join elapsed using (clock)
left join due using (clock)
where is_promised
order by sla_id, ticket_id, started_at, measure
