-- How many of the customers registered in the period were referred to us.
-- clock: cohort
-- formula: customers registered in P whose source is 'referral' / customers registered in P
-- edges: the source is the one known at T; merged customers are not counted, forgotten ones are; nobody registered: no row
-- source: definition of the first users: referred new customers by new customers
-- by: customers(owner_id, priority, country, postcode_area, age_band, gender, company)
-- zero: customers, referred
-- column: breakdown: the value broken down by, or all
-- column: customers: customers registered in the period
-- column: referred: those of them that came by referral
-- column: referral_rate: referred / customers
select breakdown,
       count(*) as customers,
       count(*) filter (source = 'referral') as referred,
       cast(
           round(1000000 * count(*) filter (source = 'referral') / nullif(count(*), 0)) as bigint
       ) * 0.000001 as referral_rate
from customers
where merged_into is null and registered_at >= $period_from and registered_at < $period_to
group by breakdown
order by breakdown
