-- How many customers have which priority, and how they stand.
-- clock: state
-- formula: customers with the priority at T
-- edges: customers without a priority are a row of their own; merged customers are not counted, forgotten ones are; a period counts only the customers registered in it
-- source: the A/B/C priority of the first users
-- by: customers(source, owner_id, country, postcode_area, age_band, gender, company)
-- zero: customers, prospects, active, at_risk, churned
-- column: breakdown: the value broken down by, or all
-- column: priority: A, B, C or null
-- column: customers: how many customers
-- column: prospects: those of them that are prospects
-- column: active: those that are active
-- column: at_risk: those that are at risk
-- column: churned: those that left
select breakdown, priority,
       count(*) as customers,
       count(*) filter (status = 'prospect') as prospects,
       count(*) filter (status = 'active') as active,
       count(*) filter (status = 'at_risk') as at_risk,
       count(*) filter (status = 'churned') as churned
from customers
where merged_into is null and registered_at >= $period_from and registered_at < $period_to
group by breakdown, priority
order by breakdown, priority
