-- Which life of the database this is: another one after a copy was put back (`registry store restored`), so that
-- registries and their followers know that numbers may stand for something else.
ALTER TABLE counter ADD COLUMN generation text NOT NULL DEFAULT (gen_random_uuid()::text);

-- The step that a registry must know at least to use these tables; a step that older registries can live with
-- leaves it as it is, so that they serve on while they are exchanged one after the other.
ALTER TABLE counter ADD COLUMN min_reader bigint NOT NULL DEFAULT 2;
