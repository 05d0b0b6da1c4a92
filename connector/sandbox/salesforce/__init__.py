"""A simulated Salesforce org with Service Cloud: tokens, Case rows and collections, SOQL, queues, comments, history."""
