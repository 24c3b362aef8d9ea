ALTER TABLE outbox ADD COLUMN given_up_at BIGINT;
