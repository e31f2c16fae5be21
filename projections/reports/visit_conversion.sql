-- How many visits ended in a purchase, by the priority that the customer had then, beside what is expected of that
-- priority.
-- clock: flow
-- formula: purchases / visits: interactions in P over the channels visit, walk_in and web that came from the customer; a purchase has the result 'purchase'
-- edges: no visits: no row; the priority is that at the instant of the visit; expected is what the priority policy says whose version in force at T came into force last, and 0.75, 0.34 and 0.15 where none is; without a priority nothing is expected
-- source: the conversion rate of the first users: purchases / visits, 75, 34 and 15 %
-- by: interactions(channel, touchpoint, agent_id)
-- zero: visits, purchases
-- column: breakdown: the value broken down by, or all
-- column: priority: A, B, C or null
-- column: visits: visits in the period
-- column: purchases: those of them that ended in a purchase
-- column: conversion_rate: purchases / visits
-- column: expected_rate: what is expected of the priority
with newest as (
    from priorities
    where in_force_from <= $as_of
    qualify version = max(version) over (partition by priority_id)
),
expected as (
    select coalesce(max_by(a_percent, (in_force_from, priority_id)), 75) as a,
           coalesce(max_by(b_percent, (in_force_from, priority_id)), 34) as b,
           coalesce(max_by(c_percent, (in_force_from, priority_id)), 15) as c
    from newest
),
visits as (
    select breakdown, customer_id, interacted_at, result
    from interactions
    where channel in ('visit', 'walk_in', 'web') and direction = 'inbound'
      and interacted_at >= $period_from and interacted_at < $period_to
),
judged as (
    select visits.breakdown, result, if(interacted_at = $as_of, customers.priority, states.priority) as priority
    from visits
    join customers using (customer_id)
    asof left join customers_intervals as states
        on states.customer_id = visits.customer_id and states.valid_from <= interacted_at
)
select breakdown, priority,
       count(*) as visits,
       count(*) filter (result = 'purchase') as purchases,
       cast(
           round(1000000 * count(*) filter (result = 'purchase') / nullif(count(*), 0)) as bigint
       ) * 0.000001 as conversion_rate,
       cast(any_value(case priority when 'A' then a when 'B' then b when 'C' then c end) as integer) * 0.01
           as expected_rate
from judged
cross join expected
group by breakdown, priority
order by breakdown, priority
