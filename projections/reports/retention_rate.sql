-- How many of the customers that were active when the period began are active at its end.
-- clock: flow
-- formula: (customers active at the end of P - those of them that were not active at its start) / customers active at its start
-- edges: active and at risk are active; one who left and came back in P is retained (see churn_rate); merged customers are not active; the end is T where the period is not over; nobody active at the start: null; broken down, a customer counts under the value at T, whatever it was at the start
-- source: the usual definition: (end - new) / start
-- by: customers(source, owner_id, priority, country, postcode_area, age_band, gender, company)
-- zero: active_at_start, active_at_end, gained
-- column: breakdown: the value broken down by, or all
-- column: active_at_start: customers that were active just before the period
-- column: active_at_end: customers that are active when it ends, or at T
-- column: gained: those of them that were not active before the period
-- column: retention_rate: (active_at_end - gained) / active_at_start
with before_start as (
    from standing_before(customer_moves, customer_id, $period_from)
),
before_end as (
    from standing_before(customer_moves, customer_id, $period_to)
),
counted as (
    select breakdown,
           count(*) filter (before_start.status in ('active', 'at_risk')) as active_at_start,
           count(*) filter (before_end.status in ('active', 'at_risk')) as active_at_end,
           count(*) filter (
               before_end.status in ('active', 'at_risk')
               and coalesce(before_start.status not in ('active', 'at_risk'), true)
           ) as gained
    from customers
    join before_end using (customer_id)
    left join before_start using (customer_id)
    group by breakdown
)
select breakdown, active_at_start, active_at_end, gained,
       cast(
           round(1000000 * (active_at_end - gained) / nullif(active_at_start, 0)) as bigint
       ) * 0.000001 as retention_rate
from counted
where active_at_start > 0 or active_at_end > 0
order by breakdown
