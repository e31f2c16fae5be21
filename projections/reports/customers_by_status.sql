-- How many customers stand in which status.
-- clock: state
-- formula: customers with the status at T
-- edges: merged customers are not counted, forgotten ones are; a period counts only the customers registered in it
-- source: definition
-- by: customers(source, owner_id, priority, country, postcode_area, age_band, gender, company)
-- zero: customers
-- column: breakdown: the value broken down by, or all
-- column: status: the status
-- column: status_type: open, ongoing, on_hold or lost; a renamed status keeps it
-- column: customers: how many customers
select breakdown, status, statuses.type as status_type, count(*) as customers
from customers
join statuses using (status)
where statuses.aggregate = 'customer' and merged_into is null
  and registered_at >= $period_from and registered_at < $period_to
group by all
order by breakdown, status
