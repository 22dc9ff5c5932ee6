-- Tells what a stored segment of the index holds of a sample from any other content under the same number: a random number
-- drawn when the sample is written and whenever its hashes change. Random, so that a database restored from a backup never
-- repeats one.
ALTER TABLE sample ADD COLUMN index_token INTEGER NOT NULL DEFAULT 0;
UPDATE sample SET index_token = random();
