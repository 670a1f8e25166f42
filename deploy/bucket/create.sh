#!/usr/bin/env bash
# Makes the bucket: versions, an object lock that no credential of Gate's can lift, no leftovers of cut-off uploads.
# BUCKET=example-gate REGION=eu-central-1 DAYS=35 deploy/bucket/create.sh    (aws CLI; --endpoint-url by AWS_ENDPOINT_URL)
set -euo pipefail
: "${BUCKET:?the name of the bucket}" "${REGION:?its region}"
aws s3api create-bucket --bucket "$BUCKET" --region "$REGION" --object-lock-enabled-for-bucket \
  --create-bucket-configuration "LocationConstraint=$REGION"
aws s3api put-public-access-block --bucket "$BUCKET" --public-access-block-configuration \
  BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
aws s3api put-object-lock-configuration --bucket "$BUCKET" --object-lock-configuration \
  "{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{\"DefaultRetention\":{\"Mode\":\"GOVERNANCE\",\"Days\":${DAYS:-35}}}}"
aws s3api put-bucket-lifecycle-configuration --bucket "$BUCKET" --lifecycle-configuration \
  '{"Rules":[{"ID":"uploads","Status":"Enabled","Filter":{},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":2}}]}'
