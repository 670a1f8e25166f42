-- Takes 0004_order_channel back. What the back-fill wrote goes with the column.
DROP INDEX "orders_channel_idx";
ALTER TABLE "orders" DROP COLUMN "channel";
