-- Fills the sample shop: the same rows each time, prices and dates as a shop has them.
-- %(customers)s is their number; the shop has 5 orders and a little more than 11 order lines for each.
SET LOCAL session_replication_role = replica; -- the references hold by construction: checking 130,000 takes seconds

INSERT INTO products (id, sku, title, category, price, stock)
SELECT i,
       format('SKU-%%s', lpad(i::text, 5, '0')),
       format('%%s %%s %%s',
              (ARRAY['Plain', 'Folding', 'Little', 'Sturdy', 'Quiet', 'Travel', 'Garden', 'Evening'])[1 + i %% 8],
              (ARRAY['oak', 'linen', 'steel', 'wool', 'glass', 'cork', 'clay'])[1 + i %% 7],
              (ARRAY['chair', 'lamp', 'blanket', 'kettle', 'shelf', 'basket', 'mirror', 'clock', 'bowl'])[1 + i %% 9]),
       (ARRAY['furniture', 'light', 'textile', 'kitchen', 'other'])[1 + i %% 5],
       round((4.9 + (i * 7919 %% 24000) / 100.0)::numeric, 2),
       i * 31 %% 250
  FROM generate_series(1, 400) AS i;

INSERT INTO customers (id, name, given_name, family_name, email, country, wholesale, created_at)
SELECT i,
       given || ' ' || family,
       given,
       family,
       format('%%s.%%s.%%s@example.com', lower(given), lower(family), i),
       (ARRAY['DE', 'FR', 'PL', 'NL', 'SE', 'PT', 'IE'])[1 + i * 11 %% 7],
       i %% 9 = 0,
       timestamptz '2023-01-09 08:00+00' + i * interval '83 minutes'
  FROM (SELECT i,
               (ARRAY['Ada', 'Bela', 'Chiara', 'Daan', 'Elif', 'Femke', 'Goran', 'Hana', 'Ines', 'Jonas', 'Kaya'])
                   [1 + i * 17 %% 11] AS given,
               (ARRAY['Adler', 'Brandt', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Horvat', 'Ivanova',
                      'Jansen', 'Kowalski', 'Lindgren', 'Moreau'])[1 + i * 29 %% 13] AS family
          FROM generate_series(1, %(customers)s) AS i) AS people;

CREATE TEMPORARY TABLE lines ON COMMIT DROP AS
SELECT o AS order_id, p.id AS product_id, 1 + (o + n) %% 3 AS quantity, p.price
  FROM generate_series(1, %(customers)s * 5) AS o
 CROSS JOIN LATERAL generate_series(1, 1 + o * 13 %% 4 - (o %% 7 = 0)::int * (o * 13 %% 4)) AS n
  JOIN products AS p ON p.id = 1 + (o * 101 + n * 37) %% 400;

INSERT INTO orders (id, customer_id, status, total, placed_at)
SELECT order_id,
       1 + order_id * 7 %% %(customers)s,
       (ARRAY['shipped', 'shipped', 'shipped', 'paid', 'placed', 'returned'])[1 + order_id %% 6]::order_status,
       sum(quantity * price),
       timestamptz '2024-02-01 06:30+00' + order_id * interval '11 minutes 17 seconds'
  FROM lines
 GROUP BY order_id;

INSERT INTO order_items (order_id, product_id, quantity, price)
SELECT order_id, product_id, quantity, price FROM lines ORDER BY order_id, product_id;

INSERT INTO reviews (product_id, stars, words, written_at)
SELECT 1 + i * 13 %% 400,
       5 - (i * 7 %% 11) / 4,
       (ARRAY['does what it should', 'smaller than I thought', 'a present, well received', 'would buy again', ''])[1 + i %% 5],
       timestamptz '2024-03-01 10:00+00' + i * interval '97 minutes'
  FROM generate_series(1, %(customers)s / 2) AS i;

SELECT setval('products_id_seq', 400),
       setval('customers_id_seq', %(customers)s),
       setval('orders_id_seq', %(customers)s * 5);
