-- Incidents of a service desk: the audit log of a ServiceNow system (UCI 498) as tickets.
--
-- File: incident_event_log.csv(.gz).
--
-- A row of the file is a snapshot of a whole incident after an update. What happened is the difference between successive
-- rows of an incident in the order of the file (many fall into one minute); a row of the file thus becomes no command,
-- one or several, in the order of their steps.
--
-- Decisions:
-- * A row happened at sys_updated_at, but never before the incident was opened nor before the row above it (5 rows and 1 row
--   say otherwise): the running maximum of the instants.
-- * A ticket begins at opened_at with what is settled then: who called and how. Where later rows say something else about
--   either (3 and 5 incidents), the first row's word stands. All else is taken from the row that shows it, at its instant.
-- * resolved_at, closed_at, resolved_by and closed_code show the final value on every row, so using them would leak the future:
--   they are not read, and who solved a ticket is not given. Nor are the file's own counters.
-- * '?' is missing and says nothing: what was known before goes on. State -100 likewise.
-- * New is new, Active open, Awaiting User Info pending, Awaiting Vendor, Problem and Evidence on_hold (from one of these three
--   to another nothing changes), Resolved solved, Closed closed.
-- * From a live state straight to Closed (13 rows): it was solved in between, unseen, so it is solved and closed at once.
-- * Leaving Resolved or Closed for a live state is a reopening (331); one of a closed ticket needs a reason, and gets one that
--   says where it comes from. A reopening comes before what else changes in its row, every other change of status after.

with snapshots as (
    select
        number,
        row,
        row_number() over history = 1 as is_first,
        strptime(opened_at, '%d/%m/%Y %H:%M')::timestamptz as opened_at,
        greatest(
            strptime(opened_at, '%d/%m/%Y %H:%M')::timestamptz,
            max(strptime(sys_updated_at, '%d/%m/%Y %H:%M')::timestamptz) over history
        ) as updated_at,
        nullif(caller_id, '?') as caller,
        contact_type,
        case incident_state
            when 'New' then 'new'
            when 'Active' then 'open'
            when 'Awaiting User Info' then 'pending'
            when 'Awaiting Vendor' then 'on_hold'
            when 'Awaiting Problem' then 'on_hold'
            when 'Awaiting Evidence' then 'on_hold'
            when 'Resolved' then 'solved'
            when 'Closed' then 'closed'
            when '-100' then null
            else error('unknown incident_state ' || incident_state)
        end as status,
        case priority
            when '1 - Critical' then 'critical'
            when '2 - High' then 'high'
            when '3 - Moderate' then 'moderate'
            when '4 - Low' then 'low'
        end as priority,
        nullif(category, '?') as category,
        nullif(subcategory, '?') as subcategory,
        lower(replace(nullif(assignment_group, '?'), ' ', '-')) as group_id,
        lower(replace(nullif(assigned_to, '?'), ' ', '-')) as agent_id
    from source
    window history as (partition by number order by row)
),

known as (
    select
        *,
        coalesce(status, last_value(status ignore nulls) over before, 'new') as status_now,
        coalesce(last_value(status ignore nulls) over before, 'new') as status_before,
        last_value(priority ignore nulls) over before as priority_before,
        last_value(category ignore nulls) over before as category_before,
        last_value(subcategory ignore nulls) over before as subcategory_before,
        last_value(group_id ignore nulls) over before as group_before,
        last_value(agent_id ignore nulls) over before as agent_before
    from snapshots
    window before as (partition by number order by row rows between unbounded preceding and 1 preceding)
),

changes as (
    select
        number as id,
        row,
        updated_at as occurred_at,
        status_now,
        status_before,
        status_before in ('solved', 'closed') as was_done,
        status_now in ('solved', 'closed') as is_done,
        if(priority is distinct from priority_before, priority, null) as priority,
        if(category is distinct from category_before, category, null) as category,
        if(subcategory is distinct from subcategory_before, subcategory, null) as subcategory,
        if(group_id is distinct from group_before, group_id, null) as group_id,
        if(agent_id is distinct from agent_before, agent_id, null) as agent_id
    from known
)

select
    'OpenTicket' as command,
    number as id,
    opened_at as occurred_at,
    row,
    0 as step,
    if(contact_type = 'Direct opening', 'agent', 'requester') as opened_by,
    case contact_type
        when 'Phone' then 'phone'
        when 'Email' then 'email'
        when 'Self service' then 'web'
        when 'IVR' then 'ivr'
        when 'Direct opening' then 'other'
    end as channel,
    lower(replace(caller, ' ', '-')) as requester_id
from snapshots
where is_first

union all by name

select
    'ReopenTicket' as command, id, occurred_at, row, 1 as step,
    status_now as status,
    if(status_before = 'closed', 'the source shows the closed incident active again', null) as reason
from changes
where was_done and not is_done

union all by name

select 'TriageTicket' as command, id, occurred_at, row, 2 as step, priority, category, subcategory
from changes
where coalesce(priority, category, subcategory) is not null

union all by name

select 'AssignTicket' as command, id, occurred_at, row, 3 as step, group_id, agent_id
from changes
where coalesce(group_id, agent_id) is not null

union all by name

select
    case status_now when 'open' then 'ResumeTicket' when 'pending' then 'PendTicket' else 'HoldTicket' end as command,
    id, occurred_at, row, 4 as step
from changes
where not was_done and not is_done and status_now <> status_before

union all by name

select 'SolveTicket' as command, id, occurred_at, row, 5 as step
from changes
where is_done and not was_done

union all by name

select 'CloseTicket' as command, id, occurred_at, row, 6 as step
from changes
where status_now = 'closed' and status_before <> 'closed'
