-- How many of the leads captured in the period were converted, however late, by T.
-- clock: cohort
-- formula: leads captured in P and converted by T / leads captured in P
-- edges: a conversion that was reversed by T does not count; merged leads stay in the denominator; no leads: null
-- source: definition; other systems mix flow and cohort
-- by: leads(source, landing_page, agent_id, country, company, sdr_id, sr_id)
-- zero: leads, converted
-- column: breakdown: the value broken down by, or all
-- column: leads: leads captured in the period
-- column: converted: those of them that are converted at T
-- column: conversion_rate: converted / leads
select breakdown,
       count(*) as leads,
       count(*) filter (status = 'converted') as converted,
       cast(
           round(1000000 * count(*) filter (status = 'converted') / nullif(count(*), 0)) as bigint
       ) * 0.000001 as conversion_rate
from leads
where captured_at >= $period_from and captured_at < $period_to
group by breakdown
order by breakdown
