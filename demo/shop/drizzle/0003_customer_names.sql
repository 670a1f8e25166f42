ALTER TABLE "customers" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "customers" ADD COLUMN "family_name" text;--> statement-breakpoint
-- Names that were one word stay given names; the column "name" goes in a later release.
UPDATE "customers"
   SET "given_name" = split_part("name", ' ', 1),
       "family_name" = substr("name", strpos("name" || ' ', ' ') + 1);