-- How the leads are spread over the agents.
-- clock: state
-- formula: leads of the agent at T; share = leads of the agent / all leads
-- edges: leads without an agent are a row of their own, without an id; merged leads are not counted; a period counts only the leads captured in it
-- source: definition
-- by: leads(source, landing_page, country, company, sdr_id, sr_id)
-- zero: leads, open, converted, disqualified
-- column: breakdown: the value broken down by, or all
-- column: agent_id: the agent; null for leads that nobody has
-- column: leads: how many leads
-- column: open: those of them that can still be won or lost
-- column: converted: those that became customers
-- column: disqualified: those that were given up
-- column: share: leads / leads of all agents
with counted as (
    select breakdown, agent_id,
           count(*) as leads,
           count(*) filter (status not in ('converted', 'disqualified')) as open,
           count(*) filter (status = 'converted') as converted,
           count(*) filter (status = 'disqualified') as disqualified
    from leads
    where status <> 'merged' and captured_at >= $period_from and captured_at < $period_to
    group by breakdown, agent_id
)
select breakdown, agent_id, leads, open, converted, disqualified,
       cast(round(1000000 * leads / sum(leads) over (partition by breakdown)) as bigint) * 0.000001 as share
from counted
order by breakdown, agent_id
