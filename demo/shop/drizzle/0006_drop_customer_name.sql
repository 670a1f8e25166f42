ALTER TABLE "customers" ALTER COLUMN "given_name" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "family_name" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "customers" DROP COLUMN "name";