-- Every time a customer came to another status, or was merged or given back.
-- clock: state
-- formula: the states of the customer up to T one after another, where the status changed
-- edges: merged is told as a status; a late fact moves customers at the instant at which it was so; a period does not matter
-- source: definition
-- column: customer_id: the customer's id
-- column: moved_at: when it was
-- column: status_before: the status before; null where the customer was registered then
-- column: status: the status since
with states as (
    select customer_id, valid_from as moved_at, if(merged_into is null, status, 'merged') as status
    from customers_intervals
    union all
    select customer_id, $as_of, if(merged_into is null, status, 'merged') from customers
),
moves as (
    select customer_id, moved_at, lag(status) over (partition by customer_id order by moved_at) as status_before, status
    from states
)
select customer_id, moved_at, status_before, status
from moves
where status is distinct from status_before
order by customer_id, moved_at
