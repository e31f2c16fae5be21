-- What every clock of sla_clocks counted, span by span, from its start to its end, or T: which time counted, by which
-- calendar, and why the rest did not.
-- clock: state
-- formula: the phases of the ticket, cut where a version of the SLA came into force and, in business time, where a calendar opens or closes; the counted seconds of a clock add up to its seconds in sla_clocks
-- edges: no span is empty, none is missing, none overlaps another; a clock that ended at once has no span; a period does not matter
-- source: definition; the calendar, the version and the pauses are those in force at each moment
-- column: sla_id: the SLA
-- column: ticket_id: the ticket's id
-- column: started_at: when the clock started
-- column: measure: first_response, next_reply, first_resolution or full_resolution
-- column: began_at: when the span began
-- column: ended_at: when it ended
-- column: status: the status of the ticket
-- column: priority: the priority of the ticket
-- column: group_id: the group by whose calendar it counted; empty for all that no calendar names; null where all time counts
-- column: sla_version: the version of the SLA in force
-- column: calendar_id: the calendar that was open; null where none was, or none is in force, or all time counts
-- column: calendar_version: its version
-- column: why: counted, paused (the SLA counts no time in this status), solved (nor while it is solved or closed) or out_of_hours (no calendar was open)
-- column: seconds: how long the span lasted
-- column: counted_seconds: how much of it counted: all or nothing
with lived as (
    select clocks.sla_id, clocks.ticket_id, started_at, clocks.measure,
           greatest(began_at, in_force_from) as began_at, least(phases.ended_at, in_force_to) as ended_at,
           status, priority, works_by, sla.version as sla_version, is_business_time,
           case
               when status not in ('new', 'open', 'pending', 'on_hold') then 'solved'
               when list_contains(pauses, status) then 'paused'
               else 'counted'
           end as why
    from sla_clocks as clocks
    join ticket_phases as phases
        on phases.ticket_id = clocks.ticket_id and began_at >= started_at
        and began_at < coalesce(clocks.ended_at, $as_of)
    join sla_versions as sla
        on sla.sla_id = clocks.sla_id and in_force_from < phases.ended_at
        and greatest(began_at, in_force_from) < coalesce(in_force_to, 'infinity')
),
hours as (
    select group_id, opens_at as since, closes_at as until, calendar_id, calendar_version, true as is_open
    from business_hours
    union all
    select group_id, closes_at,
           coalesce(lead(opens_at) over (partition by group_id order by opens_at), 'infinity'), null, null, false
    from business_hours
    union all
    select group_id, timestamptz '0001-01-01 00:00:00+00', min(opens_at), null, null, false
    from business_hours
    group by group_id
),
spans as (
    select lived.* exclude (works_by, is_business_time), null as group_id, null as calendar_id,
           null as calendar_version
    from lived
    where not is_business_time or why <> 'counted'
    union all by name
    select lived.* exclude (works_by, is_business_time)
               replace (
                   greatest(began_at, since) as began_at, least(ended_at, until) as ended_at,
                   if(is_open, 'counted', 'out_of_hours') as why
               ),
           group_id, calendar_id, calendar_version
    from lived
    join hours on hours.group_id = works_by and since < ended_at and began_at < until
    where is_business_time and why = 'counted' and since < until
)
select sla_id, ticket_id, started_at, measure, began_at, ended_at, status, priority, group_id, sla_version,
       calendar_id, calendar_version, why,
       (epoch_us(ended_at) - epoch_us(began_at)) * 0.000001 as seconds,
       if(why = 'counted', epoch_us(ended_at) - epoch_us(began_at), 0) * 0.000001 as counted_seconds
from spans
order by sla_id, ticket_id, started_at, measure, began_at
