-- The status of every record just before an instant, from its moves; records that were not there yet are left out.
-- takes: moves, id, instant
select {id}, max_by(status, moved_at) as status
from {moves}
where moved_at < {instant}
group by {id}
