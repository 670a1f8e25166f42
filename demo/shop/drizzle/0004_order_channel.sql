ALTER TABLE "orders" ADD COLUMN "channel" text DEFAULT 'web' NOT NULL;--> statement-breakpoint
CREATE INDEX "orders_channel_idx" ON "orders" USING btree ("channel","placed_at");--> statement-breakpoint
-- Orders of wholesale customers came in by telephone until today.
UPDATE "orders"
   SET "channel" = 'phone'
  FROM "customers"
 WHERE "customers"."id" = "orders"."customer_id"
   AND "customers"."wholesale";