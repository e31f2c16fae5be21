-- Every customer: a person or an organisation that we deal with. One row per customer; merged ones stay and say where
-- they went.
-- key: customer_id
-- sum: interactions
-- max: last_interaction_at
-- personal: name, email, phone, title, address
-- column: customer_id: the customer's id
-- column: status: prospect, active, at_risk or churned
-- column: forgotten: whether the person asked to be forgotten; personal columns then read as null
-- column: owner_id: the agent who looks after the customer
-- column: priority: A, B or C
-- column: name: what the customer is called
-- column: email: the customer's e-mail address
-- column: phone: the customer's telephone number
-- column: title: the customer's title or position
-- column: address: where the customer lives
-- column: company: where the customer works
-- column: country: the customer's country
-- column: postcode_area: the first part of the customer's postcode
-- column: age_band: the customer's age, in coarse steps
-- column: gender: the customer's gender
-- column: source: where the customer came from
-- column: registered_at: since when we know the customer
-- column: interactions: how often we met, spoke or wrote
-- column: last_interaction_at: when we last met, spoke or wrote
-- column: merged_into: the customer that lives on in its place; null where the customer is not merged
-- column: merged_at: when the customer was merged
-- column: version: the version of the customer's stream (its etag)
-- column: updated_at: when the newest fact that counts was recorded
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       'prospect' as status, false as forgotten, occurred_at as registered_at, name, email,
       phone, title, address, company, country, postcode_area, age_band, gender, source
from customer_registered
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       name, email, phone, title, address, company, country, postcode_area, age_band, gender, source,
       list_contains(cleared, 'name') as clear_name, list_contains(cleared, 'email') as clear_email,
       list_contains(cleared, 'phone') as clear_phone, list_contains(cleared, 'title') as clear_title,
       list_contains(cleared, 'address') as clear_address, list_contains(cleared, 'company') as clear_company,
       list_contains(cleared, 'country') as clear_country,
       list_contains(cleared, 'postcode_area') as clear_postcode_area,
       list_contains(cleared, 'age_band') as clear_age_band, list_contains(cleared, 'gender') as clear_gender,
       list_contains(cleared, 'source') as clear_source
from customer_corrected
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       owner_id
from customer_owner_changed
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       priority
from customer_priority_changed
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       1 as interactions, occurred_at as last_interaction_at
from interaction_logged
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       'active' as status
from customer_activated
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       'at_risk' as status
from customer_marked_at_risk
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       'churned' as status
from customer_churned
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       'active' as status
from customer_reactivated
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       into_id as merged_into, occurred_at as merged_at
from customer_merged
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from customer_absorbed
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       true as clear_merged_into, true as clear_merged_at
from customer_unmerged
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from customer_released
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version,
       true as forgotten
from customer_forgotten
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from contact_point_added
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from contact_point_verified
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from contact_point_removed
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from preference_stated
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from consent_granted
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from consent_withdrawn
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from overlay_appended
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from overlay_withdrawn
union all by name
select id as customer_id, position, occurred_at, recorded_at as updated_at, version from survey_answered
