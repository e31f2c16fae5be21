-- Every lead: somebody who may become a customer. One row per lead; merged ones stay and say where they went.
-- key: lead_id
-- sum: contacts, recycles
-- min: first_contacted_at
-- personal: name, email, phone, title
-- column: lead_id: the lead's id
-- column: status: new, assigned, working, qualified, nurturing, converted, disqualified or merged
-- column: status_before_merge: the status to go back to when the merge is undone; null where the lead is not merged
-- column: forgotten: whether the person asked to be forgotten; personal columns then read as null
-- column: name: what the lead is called
-- column: email: the lead's e-mail address
-- column: phone: the lead's telephone number
-- column: title: the lead's title or position
-- column: company: where the lead works
-- column: country: the lead's country
-- column: postcode_area: the first part of the lead's postcode
-- column: source: where the lead came from
-- column: landing_page: the page on which the lead arrived
-- column: agent_id: the agent who is responsible
-- column: score: the latest score, from 0 to 100
-- column: customer_id: the customer that the lead became; null where it was not converted or the conversion was reversed
-- column: sdr_id: who developed the lead that was converted
-- column: sr_id: who closed the lead that was converted
-- column: captured_at: when the lead first showed interest
-- column: first_contacted_at: when we first contacted the lead (outbound)
-- column: contacts: how often we and the lead were in contact, either way
-- column: converted_at: when the lead became a customer; null where it was not converted or the conversion was reversed
-- column: disqualified_at: when the lead was given up; null where it was not, or was recycled
-- column: disqualified_reason: why the lead was given up
-- column: recycles: how often the lead started again after it had been given up
-- column: merged_into: the lead that lives on in its place; null where the lead is not merged
-- column: merged_at: when the lead was merged
-- column: version: the version of the lead's stream (its etag)
-- column: updated_at: when the newest fact that counts was recorded
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'new' as status, false as forgotten, occurred_at as captured_at, name, email, phone, title,
       company, country, postcode_area, source, landing_page
from lead_captured
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       name, email, phone, title, company, country, postcode_area, source, landing_page,
       list_contains(cleared, 'name') as clear_name, list_contains(cleared, 'email') as clear_email,
       list_contains(cleared, 'phone') as clear_phone, list_contains(cleared, 'title') as clear_title,
       list_contains(cleared, 'company') as clear_company, list_contains(cleared, 'country') as clear_country,
       list_contains(cleared, 'postcode_area') as clear_postcode_area,
       list_contains(cleared, 'source') as clear_source,
       list_contains(cleared, 'landing_page') as clear_landing_page
from lead_corrected
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version, agent_id, status from lead_assigned
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       status, 1 as contacts, case when direction = 'outbound' then occurred_at end as first_contacted_at
from lead_contacted
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version, score from lead_scored
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'qualified' as status
from lead_qualified
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'nurturing' as status
from lead_nurtured
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'disqualified' as status, occurred_at as disqualified_at, reason as disqualified_reason
from lead_disqualified
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'new' as status, 1 as recycles, true as clear_disqualified_at, true as clear_disqualified_reason
from lead_recycled
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'converted' as status, occurred_at as converted_at, customer_id, sdr_id, sr_id
from lead_converted
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'qualified' as status, true as clear_converted_at, true as clear_customer_id, true as clear_sdr_id,
       true as clear_sr_id
from lead_conversion_reversed
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       'merged' as status, status_before as status_before_merge, into_id as merged_into, occurred_at as merged_at
from lead_merged
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version from lead_absorbed
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version,
       status, true as clear_status_before_merge, true as clear_merged_into, true as clear_merged_at
from lead_unmerged
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version from lead_released
union all by name
select id as lead_id, position, occurred_at, recorded_at as updated_at, version, true as forgotten from lead_forgotten
