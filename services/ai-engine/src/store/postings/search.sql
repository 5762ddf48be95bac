-- Active passages by BM25, best first.
-- $1 terms, $2 weights, $3 the keyword of each term or -1, $4 the exact thing that it is a form of
-- or -1, $5 number of keywords, $6 number of exact things, $7 k1, $8 b, $9 limit, $10 documents to
-- keep to or null, $11 documents to leave out or null
with corpus as (
  select greatest(sum(passage_count), 1)::float8 as passages,
         greatest(sum(term_count)::float8 / greatest(sum(passage_count), 1), 1) as mean_length
  from ai.indexed_documents where active_version is not null
), found as materialized (
  select w.term, w.weight, w.keyword, w.required, p.document_id, u.*
  from unnest($1::text[], $2::real[], $3::integer[], $4::integer[])
    as w (term, weight, keyword, required)
  join ai.postings p on p.term = w.term
  join ai.indexed_documents d on d.creator_id = p.creator_id and d.id = p.document_id
    and d.active_version = p.version
    and ($10::uuid[] is null or d.id = any ($10))
    and ($11::uuid[] is null or d.id <> all ($11))
  cross join lateral unnest(p.ordinals, p.frequencies, p.lengths)
    as u (ordinal, frequency, length)
), rarity as (
  select f.term,
         ln(1 + (greatest(c.passages - count(*), 0) + 0.5) / (count(*) + 0.5)) as idf
  from found f cross join corpus c group by f.term, c.passages
), scored as (
  select f.document_id, f.ordinal,
         sum(f.weight * r.idf * f.frequency * ($7::float8 + 1)
             / (f.frequency + $7 * (1 - $8::float8 + $8 * f.length / c.mean_length))) as score,
         count(distinct f.keyword) filter (where f.keyword >= 0) = $5 as all_keywords,
         $6 > 0 and count(distinct f.required) filter (where f.required >= 0) = $6 as exact
  from found f join rarity r using (term) cross join corpus c
  group by f.document_id, f.ordinal
  order by exact desc, score desc, f.document_id, f.ordinal
  limit $9
), matched as materialized (
  select document_id, ordinal, keyword from found where keyword >= 0
  group by document_id, ordinal, keyword
), keyword_rarity as (
  select m.keyword,
         ln(1 + (greatest(c.passages - count(*), 0) + 0.5) / (count(*) + 0.5)) as idf
  from matched m cross join corpus c group by m.keyword, c.passages
), question as (
  -- A keyword that no passage has is the rarest of all.
  select coalesce(sum(k.idf), 0)
         + ($5 - count(k.keyword)) * ln(1 + (c.passages + 0.5) / 0.5) as idf
  from corpus c left join keyword_rarity k on true group by c.passages
), covered as (
  select m.document_id, m.ordinal, sum(k.idf) as idf
  from scored join matched m using (document_id, ordinal)
  join keyword_rarity k using (keyword)
  group by m.document_id, m.ordinal
)
select c.id, s.score, s.all_keywords, s.exact,
       coalesce(v.idf / nullif(q.idf, 0), 0)::float8 as coverage
from scored s
cross join question q
left join covered v using (document_id, ordinal)
join ai.indexed_documents d on d.id = s.document_id
join ai.chunks c on c.creator_id = d.creator_id and c.document_id = d.id
  and c.version = d.active_version and c.ordinal = s.ordinal
order by s.exact desc, s.score desc, s.document_id, s.ordinal
