-- What made the number of active customers change over the period. It explains the difference exactly: active_before +
-- activated + returned + unmerged - churned - merged = active_after.
-- clock: flow
-- formula: moves of customers in P into and out of active
-- edges: active and at risk are active; the end is T where the period is not over; broken down, a customer counts under the value at T, also before the period, so a part of active_before may differ from the same part as of then
-- source: definition; the identity of a stock and its flows
-- by: customers(source, owner_id, priority, country, postcode_area, age_band, gender, company)
-- column: breakdown: the value broken down by, or all
-- column: active_before: customers that were active just before the period
-- column: activated: how often a prospect became active
-- column: returned: how often one that had left came back
-- column: unmerged: how often a merge of an active one was undone
-- column: churned: how often an active one left
-- column: merged: how often an active one was merged
-- column: active_after: customers that are active when it ends, or at T
with before_start as (
    from standing_before(customer_moves, customer_id, $period_from)
),
before_end as (
    from standing_before(customer_moves, customer_id, $period_to)
),
moved as (
    select customer_id,
           count(*) filter (
               status in ('active', 'at_risk') and coalesce(status_before, 'prospect') = 'prospect'
           ) as activated,
           count(*) filter (status in ('active', 'at_risk') and status_before = 'churned') as returned,
           count(*) filter (status in ('active', 'at_risk') and status_before = 'merged') as unmerged,
           count(*) filter (status = 'churned' and status_before in ('active', 'at_risk')) as churned,
           count(*) filter (status = 'merged' and status_before in ('active', 'at_risk')) as merged
    from customer_moves
    where moved_at >= $period_from and moved_at < $period_to
    group by customer_id
)
select breakdown,
       count(*) filter (before_start.status in ('active', 'at_risk')) as active_before,
       cast(coalesce(sum(activated), 0) as bigint) as activated,
       cast(coalesce(sum(returned), 0) as bigint) as returned,
       cast(coalesce(sum(unmerged), 0) as bigint) as unmerged,
       cast(coalesce(sum(churned), 0) as bigint) as churned,
       cast(coalesce(sum(merged), 0) as bigint) as merged,
       count(*) filter (before_end.status in ('active', 'at_risk')) as active_after
from customers
left join before_start using (customer_id)
left join before_end using (customer_id)
left join moved using (customer_id)
group by breakdown
order by breakdown
