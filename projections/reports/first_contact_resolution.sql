-- How many of the tickets solved in the period were solved at the first contact, for good.
-- clock: cohort
-- formula: solved, one touch and not reopened within N days / solved; N days are what the SLA of first_contact_resolution promises whose version in force at T came into force last, and 7 where there is none
-- edges: a ticket that was solved several times in P counts once, from its first solution there; one that was live again at the very instant of its solution was reopened; those whose N days are not over at T are in undecided and in nothing else; for a priority that the SLA says nothing of, its general time; no tickets decided: null
-- source: the usual definition of FCR, with its N days as a policy
-- by: tickets(priority, category, subcategory, channel, opened_by, group_id, agent_id, customer_id, requester_id, solved_by, resolution)
-- zero: solved, undecided, reopened, first_contact
-- column: breakdown: the value broken down by, or all
-- column: solved: tickets solved in the period
-- column: undecided: those of them whose N days are not over at T
-- column: reopened: those of the others that were reopened within the N days
-- column: first_contact: those of the others with at most one public reply of an agent by T, and not reopened within the N days
-- column: first_contact_rate: first_contact / (solved - undecided)
with newest as (
    from slas
    where measure = 'first_contact_resolution' and in_force_from <= $as_of
    qualify version = max(version) over (partition by sla_id)
),
promise as (
    select max_by(newest, (in_force_from, sla_id)) as sla
    from newest
),
solved_tickets as (
    select ticket_id, solved_at as solved_in_period_at, count(*) as solutions
    from ticket_solutions
    where solved_at >= $period_from and solved_at < $period_to
    group by ticket_id, solved_at
    qualify solved_at = min(solved_at) over (partition by ticket_id)
),
judged as (
    select tickets.breakdown, ticket_id, public_replies, solved_in_period_at, solutions,
           solved_in_period_at + to_seconds(coalesce(
               case priority
                   when 'low' then sla.low_seconds
                   when 'moderate' then sla.moderate_seconds
                   when 'high' then sla.high_seconds
                   when 'critical' then sla.critical_seconds
               end,
               sla.seconds, 7 * 86400
           )) as holds_until
    from tickets
    join solved_tickets using (ticket_id)
    cross join promise
),
reopenings as (
    select ticket_id
    from judged
    join ticket_moves using (ticket_id)
    where status_before in ('solved', 'closed') and ticket_moves.status in ('new', 'open', 'pending', 'on_hold')
      and moved_at >= solved_in_period_at and moved_at <= holds_until
    union
    select judged.ticket_id
    from judged
    asof join tickets_intervals as states
        on states.ticket_id = judged.ticket_id and states.valid_from <= solved_in_period_at
    where solutions > 1 or states.status in ('new', 'open', 'pending', 'on_hold')
),
counted as (
    select breakdown,
           count(*) as solved,
           count(*) filter (holds_until > $as_of) as undecided,
           count(reopenings.ticket_id) filter (holds_until <= $as_of) as reopened,
           count(*) filter (
               holds_until <= $as_of and reopenings.ticket_id is null and public_replies <= 1
           ) as first_contact
    from judged
    left join reopenings using (ticket_id)
    group by breakdown
)
select breakdown, solved, undecided, reopened, first_contact,
       cast(
           round(1000000 * first_contact / nullif((solved - undecided), 0)) as bigint
       ) * 0.000001 as first_contact_rate
from counted
order by breakdown
