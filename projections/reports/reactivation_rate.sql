-- How many of the customers that had left when the period began came back in it.
-- clock: flow
-- formula: customers churned at the start of P and active again in P / customers churned at the start of P
-- edges: one who came back and left again in P counts as reactivated; merged customers have not left; nobody churned: no row; broken down, a customer counts under the value at T, whatever it was at the start
-- source: definition of the first users: who came back by who had left
-- by: customers(source, owner_id, priority, country, postcode_area, age_band, gender, company)
-- zero: churned_at_start, reactivated
-- column: breakdown: the value broken down by, or all
-- column: churned_at_start: customers that had left just before the period
-- column: reactivated: those of them that came back in the period
-- column: reactivation_rate: reactivated / churned_at_start
with before_start as (
    from standing_before(customer_moves, customer_id, $period_from)
),
returners as (
    select distinct customer_id from customer_moves
    where status in ('active', 'at_risk') and moved_at >= $period_from and moved_at < $period_to
)
select breakdown,
       count(*) as churned_at_start,
       count(returners.customer_id) as reactivated,
       cast(
           round(1000000 * count(returners.customer_id) / nullif(count(*), 0)) as bigint
       ) * 0.000001 as reactivation_rate
from customers
join before_start using (customer_id)
left join returners using (customer_id)
where before_start.status = 'churned'
group by breakdown
order by breakdown
