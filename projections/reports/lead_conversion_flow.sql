-- How many conversions happened in the period, beside the leads captured in it. They are different leads: for how many of
-- the captured ones convert, see lead_conversion.
-- clock: flow
-- formula: conversions in P / leads captured in P
-- edges: may exceed 1; a conversion that was reversed by T does not count; no leads captured: null
-- source: definition; other systems mix flow and cohort
-- by: leads(source, landing_page, agent_id, country, company, sdr_id, sr_id)
-- zero: leads, conversions
-- column: breakdown: the value broken down by, or all
-- column: leads: leads captured in the period
-- column: conversions: conversions that happened in the period, whenever the lead was captured
-- column: conversion_rate: conversions / leads
with counted as (
    select breakdown,
           count(*) filter (captured_at >= $period_from and captured_at < $period_to) as leads,
           count(*) filter (
               status = 'converted' and converted_at >= $period_from and converted_at < $period_to
           ) as conversions
    from leads
    group by breakdown
)
select breakdown, leads, conversions,
       cast(round(1000000 * conversions / nullif(leads, 0)) as bigint) * 0.000001 as conversion_rate
from counted
where leads > 0 or conversions > 0
order by breakdown
