-- How many of the customers that were active when the period began left in it.
-- clock: flow
-- formula: customers active at the start of P and churned in P / customers active at the start of P
-- edges: active and at risk are active; customers who became active in P do not count; one who left and came back in P counts as churned; merged customers are not active; nobody active: no row; broken down, a customer counts under the value at T, whatever it was at the start
-- source: the usual definition: customers lost in a period by those at its start
-- by: customers(source, owner_id, priority, country, postcode_area, age_band, gender, company)
-- zero: active_at_start, churned
-- column: breakdown: the value broken down by, or all
-- column: active_at_start: customers that were active just before the period
-- column: churned: those of them that left in the period
-- column: churn_rate: churned / active_at_start
with before_start as (
    from standing_before(customer_moves, customer_id, $period_from)
),
leavers as (
    select distinct customer_id from customer_moves
    where status = 'churned' and moved_at >= $period_from and moved_at < $period_to
)
select breakdown,
       count(*) as active_at_start,
       count(leavers.customer_id) as churned,
       cast(round(1000000 * count(leavers.customer_id) / nullif(count(*), 0)) as bigint) * 0.000001 as churn_rate
from customers
join before_start using (customer_id)
left join leavers using (customer_id)
where before_start.status in ('active', 'at_risk')
group by breakdown
order by breakdown
