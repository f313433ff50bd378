// The LMS's own Mongoose schema of a report job (DESIGN §2), and what its client does with one.
//
//   node seed_schema.js insert URI DATABASE          insert a pending job, print it as JSON
//   node seed_schema.js load URI DATABASE JOB_ID     load the job, validate it, print it as JSON
//   node seed_schema.js fields                       print the paths of the schema as JSON
"use strict";
const mongoose = require("mongoose");
const { Schema } = mongoose;

const STATUSES = [
  "pending", "queued", "processing", "rendering", "uploading", "ready", "downloaded", "failed", "cancelled", "expired",
];

const reportJob = new Schema(
  {
    reportType: { type: String, required: true },
    name: { type: String, required: true, maxlength: 200 },
    description: { type: String, maxlength: 2000 },
    parameters: {
      dateRange: { startDate: Date, endDate: Date },
      filters: {
        departmentIds: [Schema.Types.ObjectId],
        courseIds: [Schema.Types.ObjectId],
        classIds: [Schema.Types.ObjectId],
        learnerIds: [Schema.Types.ObjectId],
        contentIds: [Schema.Types.ObjectId],
        eventTypes: [String],
        statuses: [String],
      },
      groupBy: [String],
      measures: [String],
      includeInactive: { type: Boolean, default: false },
    },
    output: {
      format: { type: String, required: true },
      filename: String,
      storage: {
        provider: { type: String, enum: ["local", "s3"] },
        path: String,
        bucket: String,
        key: String,
        url: String,
        expiresAt: Date,
      },
    },
    status: { type: String, enum: STATUSES, default: "pending" },
    priority: { type: String, enum: ["critical", "high", "normal", "low", "scheduled"], default: "normal" },
    progress: {
      currentStep: String,
      percentage: { type: Number, min: 0, max: 100, default: 0 },
      recordsProcessed: { type: Number, default: 0 },
      totalRecords: { type: Number, default: 0 },
    },
    scheduledFor: Date,
    startedAt: Date,
    completedAt: Date,
    expiresAt: Date,
    error: { code: String, message: String, stack: String, retryCount: { type: Number, default: 0 }, lastRetryAt: Date },
    requestedBy: { type: Schema.Types.ObjectId, required: true },
    departmentId: Schema.Types.ObjectId,
    visibility: { type: String, enum: ["private", "team", "department", "organization"], default: "private" },
    templateId: Schema.Types.ObjectId,
    scheduleId: Schema.Types.ObjectId,
  },
  { timestamps: true, collection: "reportjobs", autoIndex: false },
);
const ReportJob = mongoose.model("ReportJob", reportJob);

async function main([action, uri, database, argument]) {
  if (action === "fields") {
    return Object.keys(reportJob.paths).sort();
  }
  await mongoose.connect(uri, { dbName: database, serverSelectionTimeoutMS: 5000 });
  try {
    if (action === "insert") {
      const job = new ReportJob(JSON.parse(argument));
      await job.save();
      return job.toObject();
    }
    const job = await ReportJob.findById(argument).orFail();
    await job.validate();
    return { status: job.status, modified: job.modifiedPaths(), document: job.toObject({ flattenObjectIds: true }) };
  } finally {
    await mongoose.disconnect();
  }
}

main(process.argv.slice(2)).then(
  (result) => process.stdout.write(JSON.stringify(result)),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
);
