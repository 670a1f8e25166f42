-- Takes 0005_delivery back.
ALTER TABLE "orders" DROP COLUMN "delivery_note";
ALTER TABLE "orders" DROP COLUMN "shipped_at";
