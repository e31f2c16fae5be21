-- Every lead that there is, and where it stands.
-- clock: state
-- formula: leads at T
-- edges: a period chooses the leads captured in it; merged ones stay and say where they went
-- source: definition
-- column: lead_id: the lead's id
-- column: status: the status
-- column: status_type: open, ongoing, on_hold, won, lost or closed; a renamed status keeps it
-- column: source: where the lead came from
-- column: landing_page: the page on which it arrived
-- column: agent_id: the agent who is responsible
-- column: score: the latest score
-- column: captured_at: when it first showed interest
-- column: first_contacted_at: when we first contacted it
-- column: contacts: how often we and it were in contact
-- column: converted_at: when it became a customer
-- column: customer_id: the customer that it became
-- column: disqualified_at: when it was given up
-- column: disqualified_reason: why it was given up
-- column: recycles: how often it started again
-- column: merged_into: the lead that lives on in its place
-- column: updated_at: when the newest fact that counts was recorded
select lead_id, status, statuses.type as status_type, source, landing_page, agent_id, score, captured_at,
       first_contacted_at, contacts, converted_at, customer_id, disqualified_at, disqualified_reason, recycles,
       merged_into, updated_at
from leads
join statuses using (status)
where statuses.aggregate = 'lead' and captured_at >= $period_from and captured_at < $period_to
order by lead_id
